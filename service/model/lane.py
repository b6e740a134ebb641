"""A thread for jobs that take too long for the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

from service.model.priority_lock import PriorityLock

Argument = TypeVar("Argument")
Result = TypeVar("Result")


class Lane:
    """A thread that one job at a time holds, in the order of their deadlines."""

    def __init__(self, name: str) -> None:
        self._lock = PriorityLock()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    @property
    def is_busy(self) -> bool:
        """Return whether a job holds the lane."""
        return self._lock.locked

    @property
    def waiting(self) -> int:
        """Number of jobs that wait, or have been cancelled while they did."""
        return self._lock.waiting

    def acquire(self, deadline: float) -> AbstractAsyncContextManager[None]:
        """Hold the lane; wait for it as long as others have or precede it."""
        return self._lock.acquire(deadline)

    async def run(
        self, function: Callable[[Argument], Result], argument: Argument
    ) -> Result:
        """Call a function in the thread; hold the lane meanwhile."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, function, argument)
