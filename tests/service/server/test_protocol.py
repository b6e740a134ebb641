"""The protocol of a connection, without a socket."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import hypothesis
import pytest
import uvicorn
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from service.api.state import AppState
from service.app import create_app
from service.server import protocol
from service.server.connection_memory import ConnectionMemory
from service.server.protocol import HttpProtocol
from service.server.unparsed_input import MAX_PIECE_BYTES
from service.settings import Settings
from tests.samples import FakeAutoencoder
from tests.service.server.fake_transport import FakeTransport

GET = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"
CHUNKED_HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


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

    async def answer_slowly(self) -> None:
        """Answer every request some turns of the event loop after it was read."""
        while True:
            self.may_answer.set()
            await turns(1)
            self.may_answer.clear()
            await turns(7)


@dataclass
class Connected:
    """A connection: the application behind it and the transport below it."""

    protocol: HttpProtocol
    transport: FakeTransport
    app: App

    @property
    def statuses(self) -> list[int]:
        """The statuses of the responses so far."""
        lines = b"".join(self.transport.writes).split(b"\r\n")
        return [int(line.split()[1]) for line in lines if line.startswith(b"HTTP/1.1 ")]


Test = Callable[[Connected], Awaitable[None]]
Run = Callable[[Test], None]


@pytest.fixture
def run(settings: Settings, autoencoder: FakeAutoencoder) -> Run:
    """Run a test in an event loop, with a connection."""
    state = create_app(settings, autoencoder).state

    async def connect_and_test(test: Test) -> None:
        await test(connect(settings, state))

    return lambda test: asyncio.run(connect_and_test(test))


def connect(settings: Settings, state: AppState) -> Connected:
    """Connect a protocol to a fake transport."""
    app = App()
    options: dict[str, Any] = {"ws": "none", "log_config": None, "lifespan": "off"}
    config = uvicorn.Config(app, timeout_keep_alive=75, access_log=False, **options)
    memory = ConnectionMemory(settings.max_body_bytes)
    server: dict[str, Any] = {"server_state": ServerState(), "app_state": {}}
    connection = HttpProtocol(settings, state, memory, config=config, **server)
    transport = FakeTransport(connection)
    connection.connection_made(transport)
    return Connected(connection, transport, app)


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


REQUESTS = {
    b"GET": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n GET / HTTP/",
    b"chunks": CHUNKED_HEAD + b"7\r\n HTTP/1\r\n1\r\nx\r\n0\r\nA: b\r\n\r\n",
    b"offer": b"POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n"
    b"Content-Length: 4\r\n\r\nbody",
}


@given(
    st.lists(st.sampled_from(sorted(REQUESTS.values())), min_size=1, max_size=8),
    st.lists(st.integers(1, 200), min_size=1, max_size=20),
)
@hypothesis.settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_request_is_answered_whatever_the_packets(
    run: Run, requests: list[bytes], packet_sizes: list[int]
) -> None:
    """The stream is cut anywhere, and packets come before responses or after them."""

    async def test(connected: Connected) -> None:
        answering = asyncio.create_task(connected.app.answer_slowly())
        stream = b"".join(requests)
        for size in itertools.islice(itertools.cycle(packet_sizes), 10_000):
            if connected.transport.is_reading():
                packet, stream = stream[:size], stream[size:]
                connected.protocol.data_received(packet)
            await turns(1 + size % 5)
            if not stream:
                break
        await turns(200)
        answering.cancel()
        assert connected.statuses == [204] * len(requests)

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
        assert connected.transport.output_ended

    run(test)


@pytest.mark.parametrize("seconds", [10.0, 0.01])
def test_only_a_client_that_ends_its_side_at_once_is_half_closed(
    run: Run, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    """One that gives up waiting does so later, and its work is not done."""
    monkeypatch.setattr(protocol, "MAX_HALF_CLOSE_SECONDS", seconds)

    async def test(connected: Connected) -> None:
        connected.protocol.data_received(GET % 0)
        await asyncio.sleep(0.05)
        stays_open = connected.protocol.eof_received()
        assert stays_open is (seconds > 1)

    run(test)


@pytest.mark.parametrize("sent", [b"", b"GET", CHUNKED_HEAD])
def test_a_client_that_waits_for_nothing_is_not_half_closed(
    run: Run, sent: bytes
) -> None:
    """Without a complete request there will be no response."""

    async def test(connected: Connected) -> None:
        connected.protocol.data_received(sent)
        await turns()
        assert not connected.protocol.eof_received()

    run(test)


@pytest.mark.parametrize(
    "pieces", [[5], [2, 3], [1] * 5, [20_000], [70_000], [30, 90_000]]
)
def test_a_body_is_received_whole(run: Run, pieces: list[int]) -> None:
    """In one piece or in several, of any size."""

    async def test(connected: Connected) -> None:
        length = sum(pieces)
        head = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % length
        connected.app.may_answer.set()
        connected.protocol.data_received(head)
        for size in pieces:
            connected.protocol.data_received(b"x" * size)
            await turns()
        assert connected.app.received == length
        assert connected.statuses == [204]

    run(test)
