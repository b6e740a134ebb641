"""Raw HTTP/1.1 connections, for tests of single bytes and single connections."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

MAX_TALK_SECONDS = 20


@dataclass(frozen=True)
class Response:
    """A response; names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Parse the body."""
        return json.loads(self.body)


def request(method: str, path: str, body: object = None, **headers: str) -> bytes:
    """Build the bytes of a request. A body is sent as JSON.

    Underscores in names of headers stand for hyphens.
    """
    content = b"" if body is None else json.dumps(body).encode()
    fields = {"Host": "127.0.0.1"}
    for name, value in headers.items():
        fields[name.replace("_", "-")] = value
    if content:
        fields["Content-Type"] = "application/json"
        fields["Content-Length"] = str(len(content))
    lines = [f"{method} {path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


class Connection:
    """A persistent connection."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._reader = reader
        self.writer = writer

    async def exchange(self, content: bytes) -> Response:
        """Send a request and read its response.

        Raises OSError or asyncio.IncompleteReadError if the connection is cut.
        """
        self.writer.write(content)
        return await self.read_response()

    async def read_response(self) -> Response:
        """Read a response.

        Raises asyncio.IncompleteReadError if the connection ends before it does.
        """
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status, *lines = head.rstrip().split("\r\n")
        headers = {}
        for line in lines:
            name, _, value = line.partition(": ")
            headers[name.lower()] = value
        body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        return Response(int(status.split()[1]), headers, body)

    async def ended(self) -> bool:
        """Wait until the server ends the connection; check that no more bytes came."""
        return await self._reader.read() == b""


@asynccontextmanager
async def connect(port: int) -> AsyncIterator[Connection]:
    """Connect to a server on this machine. Raises OSError."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Connection(reader, writer)
    finally:
        writer.close()
        with suppress(OSError):  # some tests expect the connection to be cut
            await writer.wait_closed()


def with_connection(port: int, talk: Callable[[Connection], Awaitable[None]]) -> None:
    """Run a conversation over a new connection, in bounded time."""

    async def run() -> None:
        async with connect(port) as connection:
            await asyncio.wait_for(talk(connection), MAX_TALK_SECONDS)

    asyncio.run(run())


def check_problem(response: Response, status: int, kind: str, *details: str) -> None:
    """Check that a response is a problem of this type, and what its detail names."""
    body = response.json()
    assert response.status == body["status"] == status
    assert response.headers["content-type"] == "application/problem+json"
    assert body["type"] == f"urn:vae-service:problem:{kind}"
    assert body["request_id"] == response.headers["x-request-id"]
    for detail in details:
        assert detail in body["detail"]
