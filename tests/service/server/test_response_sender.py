"""Responses written in one piece, beside uvicorn's own."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from service.server.response_sender import ResponseSender

BODY = b"a body"
LENGTH = (b"content-length", b"6")
HEADERS = [(b"content-type", b"text/plain"), LENGTH]


class Connection:
    """A request that waits for its response, and what is written to its client."""

    def __init__(self, method: str = "GET", *, keep_alive: bool = True) -> None:
        self.written: list[bytes] = []
        self.is_closed = False
        self.completed = 0
        self.transport: Any = SimpleNamespace(
            write=self.written.append,
            write_response=self.written.append,
            close=self.close,
        )
        options: dict[str, Any] = {
            "flow": SimpleNamespace(write_paused=False),
            "logger": None,
            "access_logger": None,
            "scope": {"method": method},
            "transport": self.transport,
        }
        self.cycle = RequestResponseCycle(
            access_log=False,
            default_headers=[(b"date", b"today")],
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=keep_alive,
            on_response=self.complete,
            **options,
        )

    def close(self) -> None:
        """Note that the connection ends."""
        self.is_closed = True

    def complete(self) -> None:
        """Note that the response has ended."""
        self.completed += 1

    def state(self) -> tuple[object, ...]:
        """Return everything that uvicorn and its owner look at."""
        cycle = self.cycle
        return (
            b"".join(self.written),
            self.is_closed,
            self.completed,
            cycle.response_started,
            cycle.response_complete,
            cycle.keep_alive,
            cycle.message_event.is_set(),
        )


def messages(headers: list[tuple[bytes, bytes]], *bodies: bytes) -> list[Any]:
    """Return the messages of a response with these parts of a body."""
    start = {"type": "http.response.start", "status": 200, "headers": headers}
    parts = [
        {"type": "http.response.body", "body": body, "more_body": True}
        for body in bodies
    ]
    parts[-1]["more_body"] = False
    return [start, *parts]


def respond(connection: Connection, response: list[Any], *, whole: bool) -> None:
    """Send a response, by a ResponseSender or by uvicorn alone."""
    sender = ResponseSender(connection.cycle, connection.transport)
    send = sender if whole else connection.cycle.send

    async def run() -> None:
        for message in response:
            await send(message)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("method", "keep_alive", "headers", "bodies", "writes"),
    [
        ("GET", True, HEADERS, [BODY], 1),
        ("POST", False, HEADERS, [BODY], 1),
        ("GET", True, [*HEADERS, (b"connection", b"close")], [BODY], 1),
        ("GET", True, [*HEADERS, (b"connection", b"keep-alive, x")], [BODY], 2),
        ("GET", True, HEADERS, [b"a ", b"body"], 3),
        ("GET", True, [(b"content-length", b"0")], [b""], 1),
        ("GET", True, [], [BODY], 2),
        ("GET", True, [(b"transfer-encoding", b"chunked")], [BODY], 2),
        ("HEAD", True, HEADERS, [b""], 1),
    ],
)
def test_the_bytes_are_those_of_uvicorn(
    method: str,
    keep_alive: bool,  # noqa: FBT001 - as above
    headers: list[tuple[bytes, bytes]],
    bodies: list[bytes],
    writes: int,
) -> None:
    """Whoever sends them; and the state of the connection is the same."""
    ours = Connection(method, keep_alive=keep_alive)
    theirs = Connection(method, keep_alive=keep_alive)

    respond(ours, messages(headers, *bodies), whole=True)
    respond(theirs, messages(headers, *bodies), whole=False)

    assert ours.state() == theirs.state()
    assert len([part for part in ours.written if part]) == writes


@pytest.mark.parametrize(
    "header",
    [
        (b"x-injected", b"a\r\nx-other: b"),
        (b"x-injected", b"a\nb"),
        (b"x-in\rjected", b"a"),
        (b"content-length", b"5"),
    ],
)
def test_a_wrong_head_is_an_error_as_in_uvicorn(header: tuple[bytes, bytes]) -> None:
    """A client never gets a header that a value made up, or a longer body."""
    connection = Connection()
    headers = [*HEADERS, header] if header[0] != LENGTH[0] else [header]

    with pytest.raises(RuntimeError):
        respond(connection, messages(headers, BODY), whole=True)

    assert BODY not in b"".join(connection.written)


def test_a_body_that_is_too_short_is_an_error() -> None:
    """As in uvicorn, which then closes the connection."""
    with pytest.raises(RuntimeError):
        respond(Connection(), messages([(b"content-length", b"7")], BODY), whole=True)


def test_nothing_is_written_to_a_client_that_has_gone() -> None:
    """The application need not know."""
    connection = Connection()
    connection.cycle.disconnected = True

    respond(connection, messages(HEADERS, BODY), whole=True)

    assert not connection.written
