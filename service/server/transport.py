"""Transport that sends the head and the body of a response in one write."""

import asyncio
from asyncio import AbstractEventLoop
from collections.abc import Callable

from service.server.lingering_close import LingeringClose

CONTINUE = b"HTTP/1.1 100"


class ResponseTransport:
    """Transport that holds the head of a response back until its body follows.

    Head and body then take one system call and one packet instead of two.

    resume: called when uvicorn wants more input; calls ``read`` when there is none left
        that was read before.
    close: called when the connection is to end; calls ``end`` or ``linger``.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        resume: Callable[[], None],
        close: Callable[[], None],
    ) -> None:
        self._transport = transport
        self._head = b""
        self._last_written = 0
        self.reading_paused = False
        self.resume_reading = resume
        self._close = close
        self.is_closing = transport.is_closing
        self.get_extra_info = transport.get_extra_info

    def pause_reading(self) -> None:
        """Read nothing from the socket."""
        self.reading_paused = True
        self._transport.pause_reading()

    def read(self) -> None:
        """Read from the socket again."""
        self.reading_paused = False
        self._transport.resume_reading()

    def write(self, data: bytes) -> None:
        """Send bytes, or hold them back if they are the head of a final response."""
        if self._head:
            data = self._head + data
            self._head = b""
        elif data.startswith(b"HTTP/1.1 ") and not data.startswith(CONTINUE):
            self._head = data
            return
        self._last_written = len(data)
        self._transport.write(data)

    def write_response(self, content: bytes) -> None:
        """Send a head with its body."""
        self._last_written = len(content)
        self._transport.write(content)

    def flush(self) -> None:
        """Send a head that no body follows."""
        if self._head:
            self.write(b"")

    def unsent_bytes(self) -> int:
        """Return the bytes in memory of output that the client has not taken yet.

        What is written in one call is in memory until all of it is sent.
        """
        unsent = self._transport.get_write_buffer_size()
        return max(unsent, self._last_written) if unsent else 0

    def close(self) -> None:
        """Send what is held back, then let the owner close."""
        self.flush()
        if not self.is_closing():
            self._close()

    def end(self) -> None:
        """Close once all output is sent."""
        self._transport.close()

    def linger(self, loop: AbstractEventLoop, seconds: float) -> None:
        """Close once all output is sent and the client has stopped sending.

        For the owner the transport is closing from now on.
        """
        self.is_closing = lambda: True
        LingeringClose(self._transport, loop, seconds)

    def abort(self) -> None:
        """Close without sending what is left."""
        self._transport.abort()
