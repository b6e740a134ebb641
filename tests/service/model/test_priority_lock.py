"""A lock that is given by priority."""

import asyncio

from service.model.priority_lock import PriorityLock


def test_the_smallest_priority_comes_first() -> None:
    """Of equal ones, the first that asked; only one task holds the lock."""
    order: list[str] = []

    async def run() -> None:
        lock = PriorityLock()

        async def hold(name: str, priority: float) -> None:
            async with lock.acquire(priority):
                order.append(name)
                await asyncio.sleep(0)
                order.append(name)

        names = [("first", 9), ("slow", 5), ("fast", 1), ("also fast", 1)]
        await asyncio.gather(*(hold(*each) for each in names))
        assert not lock.locked

    asyncio.run(run())
    held = ["first", "fast", "also fast", "slow"]
    assert order == [name for name in held for _ in range(2)]


def test_a_cancelled_waiter_is_passed_over() -> None:
    """Before its turn, and just as it gets it; the lock goes to the next."""
    order: list[str] = []

    async def run() -> None:
        lock = PriorityLock()

        async def hold(name: str) -> None:
            async with lock.acquire(0):
                order.append(name)

        async with lock.acquire(0):
            tasks = [asyncio.create_task(hold(name)) for name in "abc"]
            await asyncio.sleep(0)
            tasks[0].cancel()
            await asyncio.sleep(0)
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert not lock.locked

    asyncio.run(run())
    assert order == ["c"]
