"""Listening sockets."""

import socket
from functools import partial

BACKLOG = 2048


class ListenError(Exception):
    """The address cannot be listened on; the message is one line."""


def listen(host: str, port: int, count: int) -> list[socket.socket]:
    """Return listening sockets of one port, one for each worker.

    The kernel spreads connections over them. With one shared socket, the worker that
    happens to run when a client opens many connections accepts most or all of them:
    with a client on the same two cores, two workers then had 0.95 times the rate, 0.76
    times at worst.

    Raises ListenError.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    open_socket = partial(socket.create_server, family=family, backlog=BACKLOG)
    try:
        # Does not share the port yet: it fails if another process listens on the port.
        first = open_socket((host, port))
        if count == 1:
            return [first]
        first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        address = first.getsockname()[:2]
        others = [open_socket(address, reuse_port=True) for _ in range(count - 1)]
    except OSError as error:
        reason = error.strerror or str(error)
        raise ListenError(f"cannot listen on {host} port {port}: {reason}") from error
    return [first, *others]


def url_of(listener: socket.socket) -> str:
    """Return the URL of a listening socket."""
    host, port = listener.getsockname()[:2]
    if listener.family == socket.AF_INET6:
        host = f"[{host}]"
    return f"http://{host}:{port}"
