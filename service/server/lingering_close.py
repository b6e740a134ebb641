"""Close of a connection whose client may still be sending."""

import asyncio
from asyncio import AbstractEventLoop, TimerHandle
from typing import cast

from typing_extensions import override

MAX_BYTES = 64 * 1024 * 1024
MAX_IDLE_SECONDS = 2.0


class LingeringClose(asyncio.Protocol):
    """Protocol that drops what a client still sends after its last response.

    If a socket is closed with input unread, the kernel resets the connection, and the
    client sees a broken pipe instead of the response (RFC 9112, 9.6). So only the write
    side is closed at first, after all output is sent. The connection ends when the
    client ends it too, when it has sent nothing for a while, or when it has used up its
    time or bytes. nginx does the same (lingering_close).
    """

    def __init__(
        self, transport: asyncio.Transport, loop: AbstractEventLoop, seconds: float
    ) -> None:
        """Take a connection over from its protocol, for some seconds at most."""
        self._transport = transport
        self._loop = loop
        self._connection = cast("asyncio.Protocol", transport.get_protocol())
        self._deadline = loop.time() + seconds
        self._is_sending = True
        self._bytes_left = MAX_BYTES
        self._timer: TimerHandle
        transport.set_protocol(self)
        transport.write_eof()
        transport.resume_reading()
        self._wait()

    def _wait(self) -> None:
        next_check = self._loop.time() + MAX_IDLE_SECONDS
        self._timer = self._loop.call_at(min(next_check, self._deadline), self._check)

    def _check(self) -> None:
        unsent = self._transport.get_write_buffer_size()
        goes_on = self._is_sending or unsent
        self._is_sending = False
        if goes_on and self._loop.time() < self._deadline:
            self._wait()
        else:
            self._transport.abort()

    @override
    def data_received(self, data: bytes) -> None:
        self._is_sending = True
        self._bytes_left -= len(data)
        if self._bytes_left < 0:
            self._transport.abort()

    @override
    def pause_writing(self) -> None:
        self._connection.pause_writing()

    @override
    def resume_writing(self) -> None:
        self._connection.resume_writing()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        self._connection.connection_lost(exc)
