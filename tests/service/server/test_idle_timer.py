"""The idle time of a connection."""

import asyncio
import time
from dataclasses import dataclass, field

from service.server.idle_timer import IdleTimer

SECONDS = 0.1


@dataclass
class Connection:
    """A connection that is busy or not, and notes when it was closed."""

    busy: bool = False
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    def is_busy(self) -> bool:
        """Return whether it has a request."""
        return self.busy


def start(connection: Connection) -> IdleTimer:
    """Start the timer of a connection."""
    loop = asyncio.get_running_loop()
    return IdleTimer(loop, SECONDS, connection.is_busy, connection.closed.set)


def test_an_idle_connection_is_closed_after_its_time() -> None:
    """The time runs from the beginning."""

    async def run() -> None:
        connection = Connection()
        start(connection)
        await asyncio.sleep(SECONDS / 2)
        assert not connection.closed.is_set()
        await asyncio.wait_for(connection.closed.wait(), 5)

    asyncio.run(run())


def test_the_time_runs_from_the_last_request() -> None:
    """However often it is restarted."""

    async def run() -> None:
        connection = Connection()
        timer = start(connection)
        loop = asyncio.get_running_loop()
        for _ in range(10):
            await asyncio.sleep(SECONDS / 4)
            timer.since = loop.time()
        assert not connection.closed.is_set()
        started = time.monotonic()
        await asyncio.wait_for(connection.closed.wait(), 5)
        assert time.monotonic() - started > SECONDS / 2

    asyncio.run(run())


def test_a_busy_connection_is_not_closed() -> None:
    """Its time begins when the request is done."""

    async def run() -> None:
        connection = Connection(busy=True)
        timer = start(connection)
        await asyncio.sleep(3 * SECONDS)
        assert not connection.closed.is_set()
        connection.busy = False
        timer.since = asyncio.get_running_loop().time()
        await asyncio.wait_for(connection.closed.wait(), 5)

    asyncio.run(run())


def test_a_cancelled_timer_closes_nothing() -> None:
    """The connection has been closed otherwise."""

    async def run() -> None:
        connection = Connection()
        start(connection).cancel()
        await asyncio.sleep(2 * SECONDS)
        assert not connection.closed.is_set()

    asyncio.run(run())
