"""Rejections are sent at a bounded rate, and never wait for long."""

import asyncio

from service.api.rejections import (
    BURST_SECONDS,
    BYTE_SECONDS,
    CORE_SHARE,
    REJECTION_SECONDS,
    RejectionRate,
)

PER_SECOND = round(CORE_SHARE / REJECTION_SECONDS)
BURST = round(BURST_SECONDS * PER_SECOND)


def waits(count: int, max_wait_seconds: float, body_bytes: int = 0) -> list[float]:
    """Return how long each of some rejections at the same time waits, in seconds."""

    async def run() -> list[float]:
        rate = RejectionRate(max_wait_seconds)
        loop = asyncio.get_running_loop()
        started = loop.time()

        async def reject() -> float:
            await rate.wait(body_bytes)
            return loop.time() - started

        return await asyncio.gather(*(reject() for _ in range(count)))

    return asyncio.run(run())


def ends_at_once(rate: RejectionRate) -> bool:
    """Return whether a rejection is sent without a turn of the event loop."""
    try:
        rate.wait(body_bytes=0).send(None)
    except StopIteration:
        return True
    return False


def test_a_few_rejections_do_not_wait() -> None:
    """Their clients should look for another server soon."""
    rate = RejectionRate(max_wait_seconds=10)

    async def run() -> list[bool]:
        return [ends_at_once(rate) for _ in range(BURST)]

    assert asyncio.run(run()) == [True] * BURST


def test_many_rejections_are_sent_one_after_another() -> None:
    """At the rate, after those that need not wait."""
    seconds = waits(BURST + 100, max_wait_seconds=10)

    assert seconds == sorted(seconds)
    assert seconds[-1] > 0.9 * 100 / PER_SECOND


def test_rejections_of_large_bodies_wait_for_longer() -> None:
    """To read them took time."""
    size = round(REJECTION_SECONDS / BYTE_SECONDS)  # twice the time
    seconds = waits(BURST + 50, max_wait_seconds=10, body_bytes=size)

    assert seconds[-1] > 0.9 * (2 * 50 + BURST) / PER_SECOND


def test_no_rejection_waits_for_longer_than_the_limit() -> None:
    """However many there are: in turn, these would take 10 s."""
    seconds = waits(10 * PER_SECOND, max_wait_seconds=0.01)

    assert max(seconds) < 5
