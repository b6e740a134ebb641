"""Close of the port at a stop, without losing a connection."""

import asyncio
import socket
from asyncio import AbstractServer, Protocol, Task
from collections.abc import Callable, Sequence
from contextlib import suppress

from service.server.sockets import (
    Listeners,
    accept_waiting,
    close,
    drop_new_connections,
)

# Time for handshakes that have begun: about a round trip.
HANDSHAKE_SECONDS = 0.1
POLL_SECONDS = 0.02

NewConnection = Callable[[], Protocol]


async def close_port(
    listeners: Listeners,
    servers: Sequence[AbstractServer],
    new_connection: NewConnection,
) -> None:
    """Close the port once all established connections are accepted.

    Closing a socket resets the connections that wait in it. As long as new ones come,
    some always wait: a client that opens one for each request comes back with each
    response. So the kernel drops attempts to connect first, where it can, and
    handshakes that have begun get their time.

    servers: the event loop's, of the same sockets.
    new_connection: returns the protocol of an accepted connection.
    """
    connecting: list[Task[object]] = []
    filtered = [drop_new_connections(listener) for listener in listeners]
    if all(filtered):
        loop = asyncio.get_running_loop()
        end = loop.time() + HANDSHAKE_SECONDS
        while loop.time() < end:
            connecting += serve_waiting(listeners, new_connection)
            await asyncio.sleep(POLL_SECONDS)
    connecting += serve_waiting(listeners, new_connection)
    # Nothing may be awaited in between.
    for listener in listeners:
        # The main process holds the socket too: without a shutdown it would still be
        # given connections.
        with suppress(OSError):  # not supported on macOS
            listener.shutdown(socket.SHUT_RD)
    leave_port(listeners, servers)
    await asyncio.gather(*connecting, return_exceptions=True)


def serve_waiting(
    listeners: Listeners, new_connection: NewConnection
) -> list[Task[object]]:
    """Accept all waiting connections; return the tasks that begin to serve them.

    The event loop itself would accept one in each turn.
    """
    loop = asyncio.get_running_loop()
    tasks: list[Task[object]] = []
    for listener in listeners:
        for accepted in accept_waiting(listener):
            connect = loop.connect_accepted_socket(new_connection, accepted)
            tasks.append(asyncio.create_task(connect))
    return tasks


def leave_port(listeners: Listeners, servers: Sequence[AbstractServer]) -> None:
    """Accept no more connections in this process; others may share the sockets."""
    for server in servers:
        server.close()
    close(listeners)
