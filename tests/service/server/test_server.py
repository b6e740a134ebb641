"""The server within an event loop."""

import asyncio
import socket
from collections.abc import Callable

from service.server.server import Server
from tests.end_to_end.connection import request
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
