"""Listening sockets."""

import socket
import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest

from service.server.sockets import (
    ListenError,
    accept_waiting,
    allow_new_connections,
    close,
    drop_new_connections,
    listen,
    url_of,
)

TCP_QUICKACK = 12
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="needs packet filters")


def has_ipv6() -> bool:
    """Check if this machine has IPv6's loopback address."""
    with suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        return True
    return False


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Non-blocking listener on a free port."""
    ((listener,),) = listen("127.0.0.1", 0, 1)
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
    workers = listen("127.0.0.1", 0, 3)
    ports = {listener.getsockname()[1] for (listener,) in workers}

    assert len(workers) == 3
    assert len(ports) == 1
    for listeners in workers:
        close(listeners)


def families(port: int) -> set[str]:
    """Return the families over which this machine's port answers."""
    answering = set()
    for family, host in [("IPv4", "127.0.0.1"), ("IPv6", "::1")]:
        with suppress(OSError):
            socket.create_connection((host, port), timeout=5).close()
            answering.add(family)
    return answering


@needs_ipv6
@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("::", {"IPv4", "IPv6"}),
        ("localhost", {"IPv4", "IPv6"}),
        ("::1", {"IPv6"}),
        ("0.0.0.0", {"IPv4"}),  # noqa: S104 - it is what is tested
    ],
)
@pytest.mark.parametrize("workers", [1, 2])
def test_a_host_is_listened_on_in_all_its_families(
    host: str, expected: set[str], workers: int
) -> None:
    """:: is all addresses of both, localhost the loopback address of both."""
    sockets = listen(host, 0, workers)
    port = sockets[0][0].getsockname()[1]

    assert families(port) == expected
    for listeners in sockets:
        assert {each.getsockname()[1] for each in listeners} == {port}
        close(listeners)


def test_an_address_that_the_machine_lacks_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Many containers lack localhost's address of IPv6; the other is listened on."""
    found = [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2001:db8::1", 0, 0, 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)

    ((listener,),) = listen("localhost", 0, 1)
    with listener:
        assert url_of(listener).startswith("http://127.0.0.1:")


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_a_host_that_the_machine_lacks_is_an_error(host: str) -> None:
    """One line names it."""
    with pytest.raises(ListenError, match=f"cannot listen on {host} port 80: "):
        listen(host, 80, 1)


def test_a_port_of_one_family_that_is_taken_is_an_error() -> None:
    """The service would answer some clients, and another program the rest."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ListenError, match="Address already in use"):
            listen("localhost", port, 2)


@needs_ipv6
def test_urls_have_ipv6_addresses_in_brackets() -> None:
    """RFC 3986, 3.2.2, requires them."""
    (listeners,) = listen("::1", 0, 1)
    port = listeners[0].getsockname()[1]

    assert url_of(listeners[0]) == f"http://[::1]:{port}"
    close(listeners)
