"""Bodies in memory are bounded, and a client that has gone is recognized."""

import asyncio

import pytest
from starlette.types import Message, Receive

from service.api.body import MAX_BODIES, BodyBudget
from service.api.errors import ProblemError
from service.api.route import has_gone
from service.app import create_app
from service.model.autoencoder import Floats, Pixels, Posterior
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
    budget.acquire(1600)
    with pytest.raises(ProblemError, match="16 times VAE_MAX_BODY_BYTES"):
        budget.acquire(1)
    budget.bytes -= 1600
    budget.acquire(1)


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
            budget.acquire(room)
        return encode(pixels)

    monkeypatch.setattr(autoencoder, "encode", watched)
    assert client.post("/encode", {"images": [FIRST]}).status_code == 200
    assert client.post("/encode", {"images": ["no image"]}).status_code == 422
    budget.acquire(room)


@pytest.mark.parametrize("gone", [False, True])
def test_a_client_that_has_gone_is_recognized(gone: bool) -> None:  # noqa: FBT001 - a case
    """Without waiting for it."""

    async def check() -> bool:
        return has_gone(connection(gone=gone))

    assert asyncio.run(check()) is gone
