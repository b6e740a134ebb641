"""The clock of a request that is arriving."""

import asyncio
import itertools
import time
from collections.abc import Iterable

import pytest

from service.server import request_clock
from service.server.request_clock import RequestClock

INTERVAL = 0.05
ENOUGH = 100  # bytes in an interval


@pytest.fixture(autouse=True)
def short_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the limits quick to reach."""
    monkeypatch.setattr(request_clock, "INTERVAL_SECONDS", INTERVAL)
    monkeypatch.setattr(request_clock, "MIN_BYTES_PER_SECOND", ENOUGH / INTERVAL)


def run_clock(seconds: float, body_bytes: Iterable[int | None]) -> tuple[str, float]:
    """Run a clock; return why it ended the request, and after how many seconds.

    body_bytes: what it sees at its start and at the end of each interval.
    """
    seen = iter(body_bytes)

    async def run() -> str:
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[str] = loop.create_future()
        RequestClock(loop, seconds, lambda: next(seen), ended.set_result).start()
        return await asyncio.wait_for(ended, 10)

    started = time.monotonic()
    reason = asyncio.run(run())
    return reason, time.monotonic() - started


def test_a_request_ends_when_its_time_is_over() -> None:
    """Even if its body comes fast."""
    reason, took = run_clock(3.5 * INTERVAL, itertools.count(0, ENOUGH))
    assert "not complete after 0.175 s (VAE_REQUEST_TIMEOUT_SECONDS)" in reason
    assert took >= 3.5 * INTERVAL


def test_a_body_that_stops_ends_the_request_after_an_interval() -> None:
    """Whatever came before."""
    reason, took = run_clock(100, [0, ENOUGH, 10 * ENOUGH, 10 * ENOUGH])
    assert "the body came at less than" in reason
    assert 3 * INTERVAL <= took < 10


def test_a_body_has_its_first_whole_interval_to_begin() -> None:
    """The clock does not count what it has seen in part: headers, or its own pauses."""
    seen = [None, 0, ENOUGH, None, ENOUGH, 2 * ENOUGH - 1]
    reason, took = run_clock(100, seen)
    assert "the body came at less than" in reason
    assert took >= 5 * INTERVAL


def test_the_clock_can_be_stopped_and_started() -> None:
    """Each request of a connection has its own time."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        reasons: list[str] = []
        clock = RequestClock(loop, 2 * INTERVAL, lambda: None, reasons.append)
        for _ in range(4):
            clock.start()
            assert clock.is_running()
            await asyncio.sleep(INTERVAL)
            clock.stop()
            assert not clock.is_running()
        await asyncio.sleep(4 * INTERVAL)
        assert reasons == []
        clock.start()
        await asyncio.sleep(4 * INTERVAL)
        assert len(reasons) == 1
        assert not clock.is_running()

    asyncio.run(run())
