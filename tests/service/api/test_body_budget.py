"""Bodies in memory are bounded, and a client that has gone is recognized."""

import asyncio

import pytest
from starlette.types import Message, Receive

from service.api.body import MAX_BODIES, BodyBudget, read_body
from service.api.errors import OVERLOADED, ProblemError
from service.api.route import has_gone
from service.app import create_app
from service.model.autoencoder import Floats, Pixels, Posterior
from service.observability.request_context import RequestContext
from service.settings import Settings
from tests.samples import FIRST, FakeAutoencoder
from tests.service.conftest import Client


def connection(*, gone: bool) -> Receive:
    """Return what the server gives once a body is read: a disconnect, or nothing yet."""

    async def receive() -> Message:
        if not gone:
            await asyncio.get_running_loop().create_future()
        return {"type": "http.disconnect"}

    return receive


def test_bytes_are_counted_up_to_the_limit() -> None:
    """Of all bodies together; released bytes make room for others."""
    budget = BodyBudget(max_body_bytes=100)
    budget.acquire(1600, RequestContext("first"))
    with pytest.raises(ProblemError, match="16 times VAE_MAX_BODY_BYTES"):
        budget.acquire(1, RequestContext("second"))
    budget.bytes -= 1600
    budget.acquire(1, RequestContext("second"))


def test_a_body_that_does_not_end_makes_room_for_others() -> None:
    """The largest unfinished one is rejected; a request that is whole is answered."""
    budget = BodyBudget(max_body_bytes=100)
    large, small, whole = map(RequestContext, ("large", "small", "whole"))

    async def unfinished(context: RequestContext, size: int) -> bytes | None:
        messages = iter([{"body": bytes(size), "more_body": True}])

        async def receive() -> Message:
            for message in messages:
                return {"type": "http.request", **message}
            await asyncio.Event().wait()
            raise AssertionError

        return await read_body(receive, context, 2000, budget)

    async def run() -> list[object]:
        tasks = [
            asyncio.create_task(unfinished(large, 1000)),
            asyncio.create_task(unfinished(small, 600)),
        ]
        await asyncio.sleep(0)
        budget.acquire(50, whole)
        (evicted,) = await asyncio.gather(tasks[0], return_exceptions=True)
        tasks[1].cancel()
        (cancelled,) = await asyncio.gather(tasks[1], return_exceptions=True)
        return [evicted, cancelled]

    evicted, cancelled = asyncio.run(run())
    assert isinstance(evicted, ProblemError)
    assert evicted.kind == OVERLOADED
    assert isinstance(cancelled, asyncio.CancelledError)
    assert (large.held_bytes, small.held_bytes, budget.bytes) == (0, 600, 650)


def test_a_body_counts_until_it_is_answered(
    settings: Settings, autoencoder: FakeAutoencoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in memory while its request waits; then there is room for all again."""
    client = Client(create_app(settings, autoencoder))
    budget = client.app.state.body_budget
    room = MAX_BODIES * settings.max_body_bytes
    encode = autoencoder.encode

    def watched(pixels: Pixels | Floats) -> Posterior:
        with pytest.raises(ProblemError, match="16 times VAE_MAX_BODY_BYTES"):
            budget.acquire(room, RequestContext("other"))
        return encode(pixels)

    monkeypatch.setattr(autoencoder, "encode", watched)
    assert client.post("/encode", {"images": [FIRST]}).status_code == 200
    assert client.post("/encode", {"images": ["no image"]}).status_code == 422
    budget.acquire(room, RequestContext("other"))


@pytest.mark.parametrize("gone", [False, True])
def test_a_client_that_has_gone_is_recognized(gone: bool) -> None:  # noqa: FBT001 - a case
    """Without waiting for it."""

    async def check() -> bool:
        return has_gone(connection(gone=gone))

    assert asyncio.run(check()) is gone
