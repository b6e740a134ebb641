"""Threads for jobs that take too long for the event loop, shared by all models."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

from service.model.priority_lock import PriorityLock

Argument = TypeVar("Argument")
Result = TypeVar("Result")


class JobThread:
    """A thread that one job at a time holds, in the order in which they ask for it."""

    def __init__(self, name: str) -> None:
        self.lock = asyncio.Lock()
        self.executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)


class JobThreads:
    """The threads of a process.

    short: for jobs of a bounded cost.
    long: for all others.
    count: to count the pixels of image files.
    """

    def __init__(self) -> None:
        self.short = JobThread("short")
        self.long = JobThread("long")
        self.count = ThreadPoolExecutor(max_workers=1, thread_name_prefix="count")


class Lane:
    """A model's share of a thread: its jobs hold it in the order of their deadlines.

    Only the first of the model's jobs asks for the thread, so that models whose jobs
    wait take turns.
    """

    def __init__(self, thread: JobThread) -> None:
        self._lock = PriorityLock()
        self._thread = thread

    @property
    def is_busy(self) -> bool:
        """Return whether a job has to wait."""
        return self._lock.locked or self._thread.lock.locked()

    @property
    def waiting(self) -> int:
        """Number of jobs that wait, or have been cancelled while they did."""
        return self._lock.waiting

    @asynccontextmanager
    async def acquire(self, deadline: float) -> AsyncIterator[None]:
        """Hold the lane; wait for it as long as others have or precede it."""
        async with self._lock.acquire(deadline), self._thread.lock:
            yield

    async def run(
        self, function: Callable[[Argument], Result], argument: Argument
    ) -> Result:
        """Call a function in the thread; hold the lane meanwhile."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread.executor, function, argument)
