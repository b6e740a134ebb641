"""Soak test."""

import asyncio

from tests.end_to_end.connection import request
from tests.end_to_end.load import Load
from tests.end_to_end.server import resident_kilobytes, serve
from tests.samples import card_examples

REQUESTS = 200_000
WARM_UP = 10_000
DIGIT = request("POST", "/reconstruct", {"images": card_examples()[:1]})


def test_memory_does_not_grow() -> None:
    """Resident memory after 200,000 requests is within 2 % of that after 10,000."""
    with serve("--workers", "1") as server:
        load = Load(server.port, DIGIT, clients=8)

        async def run() -> tuple[int, int]:
            sending = asyncio.create_task(load.run())
            await load.reach(WARM_UP)
            early = resident_kilobytes(server.process.pid)
            await load.reach(REQUESTS)
            late = resident_kilobytes(server.process.pid)
            load.stop()
            await sending
            return early, late

        early, late = asyncio.run(run())

    assert load.cut == []
    assert set(load.statuses) == {200}
    assert len(load.bodies) == 1
    assert late < 1.02 * early, f"{early} kB, then {late} kB"
