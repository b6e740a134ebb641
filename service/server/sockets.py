"""Listening sockets: open them, and close them without losing a connection."""

import ctypes
import errno
import os
import socket
import struct
import sys
import termios
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from fcntl import ioctl
from typing import Any

BACKLOG = 2048
LOOPBACK_ADDRESSES = ("127.0.0.1", "::1")
MISSING_ADDRESS = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}

# Linux, asm-generic/socket.h; Python's socket module does not have them.
SO_ATTACH_FILTER = 26
SO_DETACH_FILTER = 27
# Classic BPF: drop every TCP packet whose SYN flag is set. Each instruction is code,
# jump if true, jump if false, operand. Connections that were accepted inherit the
# filter; their packets have no SYN.
DROP_SYN_FILTER = (
    (0x30, 0, 0, 13),  # load byte 13 of the TCP header, its flags
    (0x45, 0, 1, 0x02),  # skip the next instruction unless SYN is set
    (0x06, 0, 0, 0),  # drop the packet
    (0x06, 0, 0, 0xFFFFFFFF),  # pass all of it
)

Listeners = list[socket.socket]


class ListenError(Exception):
    """The address cannot be listened on; the message is one line."""


def listen(host: str, port: int, workers: int) -> list[Listeners]:
    """Open the listening sockets of each worker, one for each address of the host.

    The kernel spreads connections over the workers' sockets. With one socket for all,
    the worker that happens to run when a client opens many connections accepts most of
    them, up to all: with a client on the same two cores, two workers then had 0.95
    times the rate, 0.76 times at worst.

    Raises ListenError.
    """
    try:
        with ExitStack() as opened:
            first = open_first(host, port, opened)
            copies = [open_copies(first, opened) for _ in range(workers - 1)]
            opened.pop_all()  # all succeeded: they stay open
    except OSError as error:
        reason = error.strerror or str(error)
        raise ListenError(f"cannot listen on {host} port {port}: {reason}") from error
    return [first, *copies]


def open_first(host: str, port: int, opened: ExitStack) -> Listeners:
    """Open a socket for each address of the host, all on one port.

    Addresses that this machine does not have, such as IPv6 in many containers, are
    left out unless there is no other. Raises OSError.
    """
    listeners: Listeners = []
    missing = None
    for family, address in addresses_of(host, port):
        if listeners:
            port = listeners[0].getsockname()[1]
        try:
            listener = open_socket(family, (address[0], port, *address[2:]))
        except OSError as error:
            if error.errno not in MISSING_ADDRESS:
                raise
            missing = error
        else:
            listeners.append(opened.enter_context(listener))
    if missing is not None and not listeners:
        raise missing
    return listeners


def addresses_of(host: str, port: int) -> list[tuple[int, tuple[Any, ...]]]:
    """Return family and address of a host, each once. Raises OSError.

    localhost is the loopback address of both families (RFC 6761, 6.3), whatever
    /etc/hosts has.
    """
    hosts = LOOPBACK_ADDRESSES if host == "localhost" else (host,)
    addresses = []
    for name in hosts:
        found = socket.getaddrinfo(
            name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        addresses += [(family, address) for family, _, _, _, address in found]
    return list(dict.fromkeys(addresses))


def open_copies(first: Listeners, opened: ExitStack) -> Listeners:
    """Open sockets that share the ports of others. Raises OSError."""
    copies = []
    for listener in first:
        # Set only now: with it, the first would share a port that others listen on.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        copy = open_socket(listener.family, listener.getsockname(), shared=True)
        copies.append(opened.enter_context(copy))
    return copies


def open_socket(
    family: int, address: tuple[Any, ...], *, shared: bool = False
) -> socket.socket:
    """Open one listening socket; :: accepts IPv4 too. Raises OSError."""
    every_address = address[0] == "::"
    return socket.create_server(
        address,
        family=family,
        backlog=BACKLOG,
        reuse_port=shared,
        dualstack_ipv6=every_address and socket.has_dualstack_ipv6(),
    )


def drop_new_connections(listener: socket.socket) -> bool:
    """Make the kernel ignore attempts to connect; return False if it cannot (macOS).

    Handshakes that have begun still complete. Clients repeat their SYN after a second
    and find the port closed then. Needs no privilege.
    """
    if sys.platform != "linux":
        return False
    packed = [struct.pack("HBBI", *instruction) for instruction in DROP_SYN_FILTER]
    program = ctypes.create_string_buffer(b"".join(packed))
    # struct sock_fprog: number of instructions, and their address
    option = struct.pack("HP", len(DROP_SYN_FILTER), ctypes.addressof(program))
    try:
        listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, option)
    except OSError:  # a sandbox may refuse it
        return False
    return True


def allow_new_connections(listener: socket.socket) -> None:
    """Undo ``drop_new_connections``, of this process or of another."""
    if sys.platform == "linux":
        with suppress(OSError):  # there is no filter
            listener.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)


def accept_waiting(listener: socket.socket) -> Iterator[socket.socket]:
    """Accept connections of a non-blocking listener until none is waiting."""
    while True:
        try:
            accepted, _ = listener.accept()
        except ConnectionAbortedError:  # the client has gone
            continue
        except OSError:  # none is waiting, or no descriptor is left
            return
        yield accepted


def has_unread_input(descriptor: int) -> bool:
    """Check if a connection's socket holds bytes that were not read yet."""
    count = ioctl(descriptor, termios.FIONREAD, bytes(4))
    return any(count)


def end_output(descriptor: int) -> None:
    """Announce the end of output to a connection's peer at once (send FIN)."""
    with (
        socket.socket(fileno=os.dup(descriptor)) as duplicate,
        suppress(OSError),
    ):  # the peer has gone
        duplicate.shutdown(socket.SHUT_WR)


def close(listeners: Listeners) -> None:
    """Close this process's copies of listening sockets."""
    for listener in listeners:
        listener.close()


def urls_of(listeners: Listeners) -> str:
    """Return the URLs of listening sockets, for people."""
    return " and ".join(map(url_of, listeners))


def url_of(listener: socket.socket) -> str:
    """Return the URL of a listening socket."""
    host, port = listener.getsockname()[:2]
    if listener.family == socket.AF_INET6:
        host = f"[{host}]"
    return f"http://{host}:{port}"
