"""The server within an event loop."""

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from service.app import create_app, served_model
from service.model.repository import ModelRepository
from service.observability.exposition import ServedInfo, metrics_text
from service.observability.request_context import RequestContext
from service.server.server import Server
from service.settings import Settings
from tests.end_to_end.connection import request
from tests.samples import FakeAutoencoder, fake_card
from tests.service.server.conftest import Scenario

LIVE = request("GET", "/livez")


async def ask(client: socket.socket) -> bytes:
    """Send a request; return the response, or nothing if the connection ended."""
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(client, LIVE)
    return await loop.sock_recv(client, 4096)


def test_an_idle_connection_with_an_unread_request_stays_open(
    play: Callable[[Scenario], None],
) -> None:
    """The request is in the socket, and the event loop has not read it yet."""

    async def scenario(server: Server, client: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        assert b" 200 " in await ask(client)
        (connection,) = server.server_state.connections
        client.send(LIVE)
        connection.shutdown()
        assert b" 200 " in await loop.sock_recv(client, 4096)

    play(scenario)


def test_an_idle_connection_is_told_its_end_at_once(
    play: Callable[[Scenario], None],
) -> None:
    """No request may arrive between the look at the socket and the end."""

    async def scenario(server: Server, client: socket.socket) -> None:
        assert b" 200 " in await ask(client)
        (connection,) = server.server_state.connections
        connection.shutdown()
        assert client.recv(1) == b""  # without a turn of the event loop

    play(scenario)


@pytest.mark.parametrize(("name", "kept"), [("fake", 2), ("other", 0)])
def test_a_reload_of_another_model_forgets_inspections(
    autoencoder: FakeAutoencoder, name: str, kept: int
) -> None:
    """Its percentiles mean something else; a reload of the keys alone keeps them."""
    settings = Settings(workers=1)
    app = create_app(settings, autoencoder)
    card = fake_card().model_copy(update={"name": name})
    loaded = served_model(settings, "fake", FakeAutoencoder(card))
    models = ModelRepository(lambda: {"fake": Path()}, lambda _name, _path: loaded)
    context = RequestContext(
        "id", route="/inspect", images=2, status=200, percentiles=(10, 99)
    )
    app.state.metrics.count_request(context, 1)

    assert Server(settings, app, models).reload()
    text = metrics_text(app.state.metrics, [ServedInfo("fake", {}, 99)]).decode()
    assert f'vae_inspection_percentile_count{{model="fake"}} {kept}.0' in text
