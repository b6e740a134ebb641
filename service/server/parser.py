"""Parser of HTTP/1.1 requests that ignores offers of another protocol."""

from typing import Protocol

import httptools
from typing_extensions import Buffer

UPGRADE = b"upgrade"

Header = tuple[bytes, bytes]


class RequestReceiver(Protocol):
    """The object that httptools reports the parts of a request to."""

    url: bytes
    headers: list[Header]


class RequestParser(httptools.HttpRequestParser):
    """Parser that treats a request with an ``Upgrade`` header as one without.

    A server may ignore such an offer (RFC 9110, 7.8). httptools treats the bytes after
    the head as the other protocol, and later ones as the next request: if a client
    offers HTTP/2, as Java's does, its body would be lost or handled as a request.
    """

    def __init__(self, receiver: RequestReceiver) -> None:
        self._receiver = receiver
        self._start()

    def _start(self) -> None:
        super().__init__(self._receiver)
        # uvicorn sets it too: data after a request with Connection: close is no error.
        self.set_dangerous_leniencies(lenient_data_after_close=True)

    def feed_data(self, data: Buffer) -> None:
        """Parse a piece of a connection's input.

        A head with an offer is parsed twice, the second time without the offer. Raises
        httptools.HttpParserError if the input is not HTTP.
        """
        rest = memoryview(data)
        while True:
            try:
                super().feed_data(rest)
            except httptools.HttpParserUpgrade as offer:
                rest = rest[offer.args[0] :]
                head = self._head_without_offer()
                self._start()  # a parser whose request ends the connection reads no more
                super().feed_data(head)
            else:
                return

    def _head_without_offer(self) -> bytes:
        method = self.get_method()
        version = self.get_http_version().encode()
        lines = [b"%s %s HTTP/%s" % (method, self._receiver.url, version)]
        lines += [
            b"%s: %s" % header
            for header in self._receiver.headers
            if header[0] != UPGRADE
        ]
        return b"\r\n".join(lines) + b"\r\n\r\n"
