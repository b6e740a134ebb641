"""Listening sockets: open them, and close them without losing a connection."""

import ctypes
import os
import socket
import struct
import sys
import termios
from collections.abc import Iterator
from contextlib import suppress
from fcntl import ioctl
from functools import partial

BACKLOG = 2048

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


class ListenError(Exception):
    """The address cannot be listened on; the message is one line."""


def listen(host: str, port: int, count: int) -> list[socket.socket]:
    """Return listening sockets of one port, one for each worker.

    The kernel spreads connections over them. With one socket for all, the worker that
    happens to run when a client opens many connections accepts most of them, up to
    all: with a client on the same two cores, two workers then had 0.95 times the rate,
    0.76 times at worst.

    Raises ListenError.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    open_socket = partial(socket.create_server, family=family, backlog=BACKLOG)
    try:
        # Does not share the port yet: fails where anybody listens on it.
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
    """Tell a connection's peer at once that no more output follows (send FIN)."""
    with (
        socket.socket(fileno=os.dup(descriptor)) as duplicate,
        suppress(OSError),
    ):  # the peer has gone
        duplicate.shutdown(socket.SHUT_WR)


def url_of(listener: socket.socket) -> str:
    """Return the URL of a listening socket."""
    host, port = listener.getsockname()[:2]
    if listener.family == socket.AF_INET6:
        host = f"[{host}]"
    return f"http://{host}:{port}"
