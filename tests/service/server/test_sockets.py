"""Listening sockets."""

import socket
import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest

from service.server.sockets import (
    accept_waiting,
    allow_new_connections,
    drop_new_connections,
    listen,
)

TCP_QUICKACK = 12
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="needs packet filters")


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Non-blocking listener on a free port."""
    (listener,) = listen("127.0.0.1", 0, 1)
    with listener:
        listener.settimeout(0)
        yield listener


def connect(listener: socket.socket, seconds: float = 5) -> socket.socket:
    """Connect to a listener. Raises TimeoutError."""
    return socket.create_connection(listener.getsockname(), timeout=seconds)


@linux_only
def test_new_connections_are_dropped_and_established_ones_work(
    listener: socket.socket,
) -> None:
    """The filter drops attempts to connect, and neither data nor a waiting client."""
    with connect(listener) as client:
        assert drop_new_connections(listener)
        with pytest.raises(TimeoutError):
            connect(listener, seconds=0.2)
        (accepted,) = accept_waiting(listener)
        with accepted:
            client.sendall(b"request")
            assert accepted.recv(10) == b"request"
            accepted.sendall(b"response")
            assert client.recv(10) == b"response"


@linux_only
def test_a_handshake_that_has_begun_completes(listener: socket.socket) -> None:
    """The client's last packet of it is no attempt to connect."""
    client = socket.socket()
    with client:
        client.setsockopt(socket.IPPROTO_TCP, TCP_QUICKACK, 0)  # holds back its ACK
        client.connect(listener.getsockname())
        waiting_before = list(accept_waiting(listener))
        assert drop_new_connections(listener)
        client.sendall(b"request")  # carries the ACK
        (accepted,) = [*waiting_before, *accept_waiting(listener)]
        with accepted:
            assert accepted.recv(10) == b"request"


@linux_only
def test_new_connections_can_be_allowed_again(listener: socket.socket) -> None:
    """A filter that an earlier worker left on the socket can be removed."""
    assert drop_new_connections(listener)
    allow_new_connections(listener)

    connect(listener).close()


def test_a_socket_without_a_filter_can_be_allowed(listener: socket.socket) -> None:
    """Nothing happens."""
    allow_new_connections(listener)

    connect(listener).close()


def test_all_waiting_connections_are_accepted(listener: socket.socket) -> None:
    """Without waiting for more; one whose client has gone does not matter."""
    clients = [connect(listener) for _ in range(20)]
    clients[0].close()

    accepted = list(accept_waiting(listener))

    assert len(accepted) == 20
    for each in [*clients, *accepted]:
        with suppress(OSError):
            each.close()


def test_sockets_of_all_workers_share_the_port() -> None:
    """Each worker has a socket of its own on the port that the first one got."""
    listeners = listen("127.0.0.1", 0, 3)
    ports = {listener.getsockname()[1] for listener in listeners}

    assert len(listeners) == 3
    assert len(ports) == 1
    for listener in listeners:
        listener.close()
