"""Transport that sends the head and the body of a response in one write."""

import asyncio

CONTINUE = b"HTTP/1.1 100"


class ResponseTransport:
    """Transport that holds the head of a response back until its body follows.

    Head and body then take one system call and one packet instead of two.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head = b""
        self.is_closing = transport.is_closing
        self.get_extra_info = transport.get_extra_info

    def write(self, data: bytes) -> None:
        """Send bytes, or hold them back if they are the head of a final response."""
        if self._head:
            data = self._head + data
            self._head = b""
        elif data.startswith(b"HTTP/1.1 ") and not data.startswith(CONTINUE):
            self._head = data
            return
        self._transport.write(data)

    def flush(self) -> None:
        """Send a head that no body follows."""
        if self._head:
            self.write(b"")

    def has_unsent(self) -> bool:
        """Return whether the client has not taken all output."""
        return self._transport.get_write_buffer_size() > 0

    def close(self) -> None:
        """Send what is held back, then close."""
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        """Close without sending what is left."""
        self._transport.abort()
