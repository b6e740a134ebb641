"""HTTP/1.1 by hand, where a test must see single bytes and single connections."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What came back; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


def request(method: str, path: str, body: object = None, **headers: str) -> bytes:
    """The bytes of a request; a body is sent as JSON. Underscores in names of headers stand for hyphens."""
    content = b"" if body is None else json.dumps(body).encode()
    fields = {
        "Host": "127.0.0.1",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    if content:
        fields |= {
            "Content-Type": "application/json",
            "Content-Length": str(len(content)),
        }
    lines = [
        f"{method} {path} HTTP/1.1",
        *(f"{name}: {value}" for name, value in fields.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + content


class Connection:
    """A connection that is kept alive."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._reader = reader
        self.writer = writer

    async def ask(self, content: bytes) -> Answer:
        """Send a request and read its answer. Raises OSError or asyncio.IncompleteReadError when it is cut."""
        self.writer.write(content)
        return await self.answer()

    async def answer(self) -> Answer:
        """Read an answer. Raises asyncio.IncompleteReadError where the connection ends before it."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status, *lines = head.rstrip().split("\r\n")
        headers = {
            name.lower(): value
            for name, _, value in (line.partition(": ") for line in lines)
        }
        body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        return Answer(int(status.split()[1]), headers, body)

    async def ended(self) -> bool:
        """Wait for the server to end the connection; tell whether it did so without a further byte."""
        return await self._reader.read() == b""


@asynccontextmanager
async def connect(port: int) -> AsyncIterator[Connection]:
    """A connection to a server on this machine, closed in the end. Raises OSError."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Connection(reader, writer)
    finally:
        writer.close()
        with suppress(OSError):  # it was cut: that is what some tests are about
            await writer.wait_closed()
