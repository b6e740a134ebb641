"""Lock that is given to the waiter with the smallest priority number."""

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count


class PriorityLock:
    """Mutual exclusion of tasks; of equal priorities, the first comes first."""

    def __init__(self) -> None:
        self.locked = False
        self._numbers = count()
        self._waiters: list[tuple[float, int, asyncio.Future[None]]] = []

    @property
    def waiting(self) -> int:
        """Number of tasks that wait, or have been cancelled while they did."""
        return len(self._waiters)

    @asynccontextmanager
    async def acquire(self, priority: float) -> AsyncIterator[None]:
        """Hold the lock; wait for it as long as others have or precede it."""
        if self.locked:
            turn = asyncio.get_running_loop().create_future()
            heapq.heappush(self._waiters, (priority, next(self._numbers), turn))
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._release()
                raise
        self.locked = True
        try:
            yield
        finally:
            self._release()

    def _release(self) -> None:
        """Hand the lock to the next waiter that has not been cancelled."""
        while self._waiters:
            _, _, turn = heapq.heappop(self._waiters)
            if not turn.done():
                turn.set_result(None)
                return
        self.locked = False
