"""A server in the event loop of a test."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop

from service.app import create_app
from service.model.repository import ModelRepository
from service.server.server import Server
from service.server.sockets import listen
from service.settings import Settings
from tests.samples import FakeAutoencoder

Scenario = Callable[[Server, socket.socket], Coroutine[Any, Any, object]]


@pytest.fixture
def server(autoencoder: FakeAutoencoder) -> Server:
    """Server of the fake autoencoder."""
    settings = Settings(workers=1)
    app = create_app(settings, autoencoder)
    model = app.state.models.default
    models = ModelRepository(lambda: {"fake": Path()}, lambda _name, _path: model)
    return Server(settings, app, models)


@pytest.fixture
def play(server: Server) -> Callable[[Scenario], None]:
    """Run a scenario of the server and a connected client in one event loop."""

    async def run(scenario: Scenario) -> None:
        async with serving(server) as address, connected(address) as client:
            await asyncio.wait_for(scenario(server, client), 30)

    def play(scenario: Scenario) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run(scenario))

    return play


@asynccontextmanager
async def serving(server: Server) -> AsyncIterator[tuple[str, int]]:
    """Serve meanwhile; yield the address."""
    (listeners,) = listen("127.0.0.1", 0, 1)
    address = listeners[0].getsockname()
    task = asyncio.create_task(server.serve(listeners))
    try:
        yield address
    finally:
        server.should_exit = True
        await task


@asynccontextmanager
async def connected(address: tuple[str, int]) -> AsyncIterator[socket.socket]:
    """Yield a client's non-blocking socket."""
    with socket.socket() as client:
        client.settimeout(0)
        await asyncio.get_running_loop().sock_connect(client, address)
        yield client
