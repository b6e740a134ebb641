"""Soak tests: memory over many requests and many reloads."""

import asyncio
import signal

import pytest

from tests.end_to_end.load import Load
from tests.end_to_end.server import Server, resident_kilobytes, serve
from tests.endurance.models import LoadedModel
from tests.samples import card_examples

RELOADS = 100
RELOADS_TO_WARM_UP = 10
PATHS = ("/openapi.json", "/docs/openapi.json", "/docs-assets/interpolation.png")
BODY = {"images": card_examples()[:1]}


def test_memory_does_not_grow(model: LoadedModel) -> None:
    """Resident memory after many requests is within 2 % of that after few.

    These are 200,000 and 10,000 of digits.
    """
    with serve(*model.flags) as server:
        load = Load(server.port, model.small, clients=8)

        async def run() -> tuple[int, int]:
            sending = asyncio.create_task(load.run())
            await load.reach(model.soak_requests // 20)
            early = resident_kilobytes(server.process.pid)
            await load.reach(model.soak_requests)
            late = resident_kilobytes(server.process.pid)
            load.stop()
            await sending
            return early, late

        early, late = asyncio.run(run())

    assert load.cut == []
    assert set(load.statuses) == {200}
    assert len(load.bodies) == 1
    assert late < 1.02 * early, f"{early} kB, then {late} kB"


@pytest.mark.parametrize("workers", ["1", "2"])
def test_reloads_leave_nothing_behind(workers: str) -> None:
    """Resident memory after 100 further reloads is within 10 % of that after 10.

    What the service makes for a model, such as its OpenAPI documents, goes with it.
    """
    with serve("--workers", workers) as server:
        for _ in range(RELOADS_TO_WARM_UP):
            reload_and_use(server)
        early = resident_kilobytes(server.process.pid)
        for _ in range(RELOADS):
            reload_and_use(server)
        late = resident_kilobytes(server.process.pid)
        reloads = server.metric('vae_model_reloads_total{result="ok"}')

    assert reloads == RELOADS_TO_WARM_UP + RELOADS
    assert late < 1.1 * early, f"{early} kB, then {late} kB"


def reload_and_use(server: Server) -> None:
    """Reload the model, and request what is made for it."""
    with server.log.changed:
        server.log.lines.clear()
    server.process.send_signal(signal.SIGHUP)
    server.log.wait_for("model reloaded")
    with server.client() as client:
        assert client.post("/reconstruct", json=BODY).status_code == 200
        for path in PATHS:
            assert client.get(path).status_code == 200
