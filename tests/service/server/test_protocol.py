"""The protocol of a connection, without a socket."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from typing_extensions import override
from uvicorn.server import ServerState

from service.api.state import AppState
from service.app import create_state
from service.server.protocol import HttpProtocol
from service.server.unparsed_input import MAX_PIECE_BYTES
from service.settings import Settings

GET = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"
CHUNKED_HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


class FakeTransport(asyncio.Transport):
    """Transport that notes what is done with it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self._reading = True
        self._closing = False

    @override
    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    @override
    def pause_reading(self) -> None:
        self._reading = False

    @override
    def resume_reading(self) -> None:
        self._reading = True

    @override
    def is_reading(self) -> bool:
        return self._reading

    @override
    def is_closing(self) -> bool:
        return self._closing

    @override
    def close(self) -> None:
        self._closing = True

    @override
    def abort(self) -> None:
        self._closing = True


@dataclass
class App:
    """Application that notes its requests and answers each when it may."""

    paths: list[str] = field(default_factory=list)
    received: int = 0
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body, wait, and answer."""
        self.paths.append(scope["path"])
        while (message := await receive())["type"] == "http.request":
            self.received += len(message["body"])
            if not message["more_body"]:
                break
        else:
            return
        await self.may_answer.wait()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})


@dataclass
class Connected:
    """A connection: the application behind it and the transport below it."""

    protocol: HttpProtocol
    transport: FakeTransport
    app: App

    @property
    def statuses(self) -> list[int]:
        """The statuses of the responses so far."""
        lines = self.transport.written.split(b"\r\n")
        return [int(line.split()[1]) for line in lines if line.startswith(b"HTTP/1.1 ")]


Test = Callable[[Connected], Awaitable[None]]
Run = Callable[[Test], None]


@pytest.fixture
def run(settings: Settings) -> Run:
    """Run a test in an event loop, with a connection."""
    state = create_state(settings)

    async def connect_and_test(test: Test) -> None:
        await test(connect(settings, state))

    return lambda test: asyncio.run(connect_and_test(test))


def connect(settings: Settings, state: AppState) -> Connected:
    """Connect a protocol to a fake transport."""
    app = App()
    options: dict[str, Any] = {"ws": "none", "log_config": None, "lifespan": "off"}
    config = uvicorn.Config(app, timeout_keep_alive=75, access_log=False, **options)
    protocol = HttpProtocol(settings, state, config, ServerState(), {})
    transport = FakeTransport()
    protocol.connection_made(transport)
    return Connected(protocol, transport, app)


async def turns(count: int = 10) -> None:
    """Let the event loop turn."""
    for _ in range(count):
        await asyncio.sleep(0)


def test_a_request_is_parsed_when_the_one_before_it_is_answered(run: Run) -> None:
    """Until then nothing is read, however many came in one packet."""

    async def test(connected: Connected) -> None:
        connected.protocol.data_received(b"".join(GET % i for i in range(100)))
        await turns()
        assert connected.app.paths == ["/0"]
        assert not connected.transport.is_reading()
        connected.app.may_answer.set()
        await turns(1000)
        assert connected.app.paths == [f"/{i}" for i in range(100)]
        assert connected.statuses == [204] * 100
        assert connected.transport.is_reading()

    run(test)


def test_a_request_that_comes_before_the_response_to_another_waits(run: Run) -> None:
    """It is kept as bytes; one packet is read at most."""

    async def test(connected: Connected) -> None:
        connected.protocol.data_received(GET % 0)
        await turns()
        assert (
            connected.transport.is_reading()
        )  # else the client's end would go unnoticed
        connected.protocol.data_received(GET % 1)
        await turns()
        assert not connected.transport.is_reading()
        assert connected.app.paths == ["/0"]
        connected.app.may_answer.set()
        await turns()
        assert connected.app.paths == ["/0", "/1"]
        assert connected.transport.is_reading()

    run(test)


def test_a_client_that_reads_no_responses_gets_no_more(run: Run) -> None:
    """Its next request waits until it has read."""

    async def test(connected: Connected) -> None:
        connected.app.may_answer.set()
        connected.protocol.pause_writing()
        connected.protocol.data_received(GET % 0)
        await turns()
        assert connected.app.paths == []
        assert not connected.transport.is_reading()
        connected.protocol.resume_writing()
        await turns()
        assert connected.statuses == [204]
        assert connected.transport.is_reading()

    run(test)


def test_many_small_chunks_do_not_hold_up_the_event_loop(run: Run) -> None:
    """No more than 16 KiB are parsed in a turn, and all of them in the end."""
    chunk = b"1\r\nx\r\n"
    count = 40_000

    async def test(connected: Connected) -> None:
        connected.app.may_answer.set()
        connected.protocol.data_received(CHUNKED_HEAD + chunk * count + b"0\r\n\r\n")
        assert not connected.transport.is_reading()
        await turns(2)
        assert 0 < connected.app.received <= 3 * MAX_PIECE_BYTES / len(chunk)
        await turns(1000)
        assert connected.app.received == count
        assert connected.statuses == [204]

    run(test)


def test_a_long_body_is_parsed_at_once(run: Run) -> None:
    """It costs no turns of the event loop, and is read no faster than it is taken."""
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 250000\r\n\r\n"

    async def test(connected: Connected) -> None:
        connected.app.may_answer.set()
        connected.protocol.data_received(head + bytes(200_000))
        await turns(5)
        assert connected.app.received == 200_000
        assert connected.transport.is_reading()
        connected.protocol.data_received(bytes(50_000) + GET % 1)
        await turns(10)
        assert connected.app.paths == ["/", "/1"]

    run(test)


@pytest.mark.parametrize(
    "second", [b"OPTIONS / RTSP/1.0\r\nHost: a\r\n\r\n", b"GET /\r\n\r\n", b"hello"]
)
def test_what_does_not_look_like_a_request_is_never_one(
    run: Run, second: bytes
) -> None:
    """The request before it is answered, and the connection ends."""

    async def test(connected: Connected) -> None:
        connected.protocol.data_received(GET % 0 + second * 100)
        await turns()
        assert connected.app.paths == ["/0"]
        connected.app.may_answer.set()
        await turns()
        assert connected.app.paths == ["/0"]
        assert connected.statuses == [204]
        assert connected.transport.is_closing()

    run(test)
