"""Limits of time, size and memory that hold for every connection, on real sockets."""

import asyncio
import json
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, suppress
from functools import partial
from statistics import median

import pytest

from tests.end_to_end.connection import (
    Connection,
    check_problem,
    connect,
    request,
    with_connection,
)
from tests.end_to_end.load import Load
from tests.end_to_end.server import Server, resident_kilobytes, serve
from tests.samples import card_examples

SMALL_LIMITS = {
    "--workers": "1",
    "--request-timeout-seconds": "0.5",
    "--keep-alive-seconds": "1",
    "--max-header-bytes": "1024",
    "--max-body-bytes": "20000",
}
DIGIT = request("POST", "/reconstruct", {"images": card_examples()[:1]})
READY = request("GET", "/readyz")
LATENT = {"latent": [0.0] * 32}
LARGE = request("POST", "/interpolate", {"start": LATENT, "end": LATENT, "steps": 256})
RESET = struct.pack("ii", 1, 0)
CHUNKED_HEAD = (
    b"POST /reconstruct HTTP/1.1\r\nHost: a\r\n"
    b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
)


def encode_head(length: int) -> bytes:
    """Build the head of a request whose JSON body has a length in bytes."""
    return (
        b"POST /encode HTTP/1.1\r\nHost: a\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % length
    )


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Start a server whose limits are small and quickly reached."""
    flags = [part for pair in SMALL_LIMITS.items() for part in pair]
    with serve(*flags) as server:
        yield server


@pytest.mark.parametrize(
    "sent",
    [b"P", b"POST /encode HTTP/1.1\r\nHost: a\r\n", DIGIT[:-40]],
    ids=["a letter", "half a head", "half a body"],
)
def test_an_incomplete_request_times_out(server: Server, sent: bytes) -> None:
    """The clock runs from the first byte to the last; then the connection ends."""

    async def talk(connection: Connection) -> None:
        response = await connection.exchange(sent)
        setting = "VAE_REQUEST_TIMEOUT_SECONDS"
        check_problem(response, 408, "request-timeout", "0.5 s", setting)
        assert await connection.ended()

    with_connection(server.port, talk)


def test_single_bytes_do_not_restart_the_clock(server: Server) -> None:
    """A client that sends a byte now and then times out like one that sends none."""

    async def talk(connection: Connection) -> None:
        async def drip() -> None:
            for byte in DIGIT:
                connection.writer.write(bytes([byte]))
                await asyncio.sleep(0.05)

        dripping = asyncio.create_task(drip())
        check_problem(await connection.read_response(), 408, "request-timeout")
        dripping.cancel()

    with_connection(server.port, talk)


def test_a_body_that_stops_arriving_times_out_before_its_time() -> None:
    """A client holds its memory for seconds, not for all the time of a request.

    The rejection is counted and logged once.
    """
    unfinished = encode_head(20_000) + bytes(19_999)

    async def talk(connection: Connection) -> None:
        started = time.monotonic()
        response = await connection.exchange(unfinished)
        check_problem(response, 408, "request-timeout", "less than 240 bytes/s")
        assert time.monotonic() - started < 15
        assert await connection.ended()

    with serve("--workers", "1") as server:
        with_connection(server.port, talk)
        assert server.metric('vae_refusals_total{type="request-timeout"}') == 1
    assert sum('"status": 408' in line for line in server.log.lines) == 1


def test_each_request_has_its_own_time(server: Server) -> None:
    """The clock restarts even if each packet ends one request and begins the next."""

    async def talk(connection: Connection) -> None:
        connection.writer.write(DIGIT[:20])
        for _ in range(10):
            await asyncio.sleep(0.1)
            assert (await connection.exchange(DIGIT[20:] + DIGIT[:20])).status == 200

    with_connection(server.port, talk)


def test_a_client_that_reads_no_responses_is_cut(server: Server) -> None:
    """It cannot hold memory without end: it asks again and again until it is cut.

    This is counted and logged.
    """

    async def talk(connection: Connection) -> None:
        connection.writer.transport.pause_reading()  # type: ignore[attr-defined]  # it is a transport that reads
        with pytest.raises(OSError):  # noqa: PT012, PT011 - whichever write fails first
            while True:
                connection.writer.write(LARGE)
                await connection.writer.drain()

    with_connection(server.port, talk)
    server.log.wait_for("did not read the response within 0.5 s")
    assert server.metric('vae_connections_cut_total{reason="unread"}') == 1


def test_responses_that_nobody_reads_are_bounded() -> None:
    """Beyond 30 times VAE_MAX_BODY_BYTES, the oldest such connections are dropped.

    40 clients ask for 4 MB each and read nothing. One that reads gets all of it.
    """
    latents = {"name": "latent", "shape": [256, 32], "datatype": "FP32"}
    body = {"inputs": [latents | {"data": [0.5] * 256 * 32}]}

    def asked(name: str) -> bytes:
        path = "/v2/models/decoder/infer"
        return request("POST", path, body, X_Request_ID=name)

    flags = ("--workers", "1", "--max-body-bytes", "65536")
    with serve(*flags) as server, ExitStack() as stack:
        with_connection(server.port, partial(read_all, asked("first")))
        before = resident_kilobytes(server.process.pid)
        for number in range(40):
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", server.port))
            client.sendall(asked(f"unread-{number}"))
            server.log.wait_for(f"unread-{number}")
        server.log.wait_for("connection of 127.0.0.1 dropped")
        with_connection(server.port, partial(read_all, asked("last")))
        after = resident_kilobytes(server.process.pid)
        dropped = server.metric('vae_connections_cut_total{reason="memory"}')

    assert after - before < 40_000
    lines = [line for line in server.log.lines if "dropped: it held" in line]
    assert len(lines) == dropped > 0


async def read_all(content: bytes, connection: Connection) -> None:
    """Send a request and read its response of megabytes."""
    response = await connection.exchange(content)
    assert response.status == 200
    assert len(response.body) > 1_000_000


@pytest.mark.parametrize("requests", [0, 1])
@pytest.mark.parametrize("lines", [0, 40])
def test_an_idle_connection_is_closed(
    server: Server, requests: int, lines: int
) -> None:
    """With or without earlier requests. Empty lines, however many, begin no request."""

    async def talk(connection: Connection) -> None:
        for _ in range(requests):
            assert (await connection.exchange(DIGIT)).status == 200

        async def drip() -> None:
            for _ in range(lines):
                connection.writer.write(b"\r\n")
                await asyncio.sleep(0.3)

        started = time.monotonic()
        dripping = asyncio.create_task(drip())
        assert await connection.ended()
        assert time.monotonic() - started < 5
        dripping.cancel()

    with_connection(server.port, talk)


@pytest.mark.parametrize(
    "head",
    [
        b"GET /livez HTTP/1.1\r\nX-Long: " + b"a" * 2000 + b"\r\n\r\n",
        b"GET /livez HTTP/1.1\r\n" + b"X-Many: a\r\n" * 200,
        b"GET /" + b"a" * 5000,
    ],
    ids=["a long header", "many headers without an end", "a long path without an end"],
)
def test_headers_that_are_too_large_are_rejected(server: Server, head: bytes) -> None:
    """A complete head or one without an end."""

    async def talk(connection: Connection) -> None:
        response = await connection.exchange(head)
        check_problem(
            response, 431, "headers-too-large", "1024", "VAE_MAX_HEADER_BYTES"
        )
        assert await connection.ended()

    with_connection(server.port, talk)


def test_headers_behind_another_request_are_limited(server: Server) -> None:
    """Headers that came in one packet with another request are limited, too."""
    long = b"GET /livez HTTP/1.1\r\nX-Long: " + b"a" * 2000 + b"\r\n\r\n"

    async def talk(connection: Connection) -> None:
        assert (await connection.exchange(DIGIT + long)).status == 200
        check_problem(
            await connection.read_response(), 431, "headers-too-large", "1024"
        )
        assert await connection.ended()

    with_connection(server.port, talk)


@pytest.mark.parametrize(
    "sent",
    [b"X-Many: a\r\n" * 200, b"X-Long: " + b"a" * 2000],
    ids=["many", "a long one"],
)
def test_trailers_that_are_too_large_are_rejected(server: Server, sent: bytes) -> None:
    """The problem has the request's id, and the log has one line of the request."""
    name = f"trailers-{len(sent)}"
    identity = f"X-Request-ID: {name}\r\n".encode()
    head = CHUNKED_HEAD + identity + b"Expect: 100-continue\r\n\r\n"

    async def talk(connection: Connection) -> None:
        # 100 Continue: the service is reading the body.
        assert (await connection.exchange(head + b"2\r\n{}\r\n")).status == 100
        response = await connection.exchange(b"0\r\n" + sent)
        check_problem(
            response, 431, "headers-too-large", "1024", "VAE_MAX_HEADER_BYTES"
        )
        assert response.headers["x-request-id"] == name
        assert response.headers["x-content-type-options"] == "nosniff"
        assert await connection.ended()

    with_connection(server.port, talk)
    server.log.wait_for(name)
    with server.client() as client:  # its line comes after all of that request's
        client.get("/livez", headers={"X-Request-ID": f"after-{name}"})
    server.log.wait_for(f"after-{name}")
    lines = [json.loads(line) for line in server.log.lines if f'"{name}"' in line]
    assert [(line["route"], line["status"]) for line in lines] == [
        ("/reconstruct", 431)
    ]


def test_a_body_whose_declared_length_is_too_large_is_rejected_at_once(
    server: Server,
) -> None:
    """What comes of it afterwards is dropped: the connection goes on."""

    async def talk(connection: Connection) -> None:
        response = await connection.exchange(encode_head(300_000))
        details = ("300000", "20000", "VAE_MAX_BODY_BYTES")
        check_problem(response, 413, "body-too-large", *details)
        connection.writer.write(bytes(300_000))
        assert (await connection.exchange(DIGIT)).status == 200

    with_connection(server.port, talk)


def test_a_body_of_undeclared_length_is_rejected_once_it_is_too_large(
    server: Server,
) -> None:
    """A body in chunks is counted as it comes."""
    head = CHUNKED_HEAD.replace(b"/reconstruct", b"/encode") + b"\r\n"

    async def talk(connection: Connection) -> None:
        connection.writer.write(head)
        for _ in range(25):
            connection.writer.write(b"3e8\r\n" + bytes(1000) + b"\r\n")
        response = await connection.read_response()
        check_problem(response, 413, "body-too-large", "more than 20000")

    with_connection(server.port, talk)


def test_a_client_reads_the_rejection_of_a_large_body(server: Server) -> None:
    """A common client, which sends all before it reads, sees no broken pipe."""
    with server.client() as client:
        response = client.post("/encode", json={"images": ["A" * 10_000_000]})

    assert response.status_code == 413


def test_bodies_together_are_bounded(server: Server) -> None:
    """Many large bodies that are sent but not ended are not all kept."""
    unfinished = encode_head(20_000) + bytes(19_000)

    async def run() -> None:
        async with AsyncExitStack() as stack:
            connections = [
                await stack.enter_async_context(connect(server.port)) for _ in range(30)
            ]
            responses = await asyncio.gather(
                *(connection.exchange(unfinished) for connection in connections)
            )
        assert {response.status for response in responses} == {408, 503}
        rejected = next(response for response in responses if response.status == 503)
        check_problem(rejected, 503, "overloaded", "16 times VAE_MAX_BODY_BYTES")
        assert rejected.headers["retry-after"] == "1"

    asyncio.run(run())
    with server.client() as client:
        response = client.post("/encode", json={"images": card_examples()[:1]})
    assert response.status_code == 200


def test_pipelined_requests_cost_neither_memory_nor_time() -> None:
    """One client sends small requests for two seconds and reads no responses.

    The worker's memory stays the same, and probes on other connections are answered.
    """
    sent = request("GET", "/livez") * 5000

    async def run(server: Server) -> tuple[int, float]:
        async with connect(server.port) as flood, connect(server.port) as probe:
            flood.writer.transport.pause_reading()  # type: ignore[attr-defined]  # it is a transport that reads
            assert (await probe.exchange(READY)).status == 200
            before = resident_kilobytes(server.process.pid)
            sending = asyncio.create_task(send_for(flood, sent, 2))
            seconds = await median_seconds(probe, READY)
            await sending
            after = resident_kilobytes(server.process.pid)
            flood.writer.transport.abort()
            return after - before, seconds

    with serve("--workers", "1") as server:
        kilobytes, seconds = asyncio.run(run(server))

    assert kilobytes < 8000
    assert seconds < 0.05


async def send_for(connection: Connection, content: bytes, seconds: float) -> None:
    """Send content again and again, until the time is over or the connection is cut."""
    with suppress(TimeoutError, OSError):
        async with asyncio.timeout(seconds):
            while True:
                connection.writer.write(content)
                await connection.writer.drain()


def test_a_client_that_leaves_with_requests_behind_is_no_error(server: Server) -> None:
    """The work that is done by then is lost, and the log has no exception."""
    named = LARGE.replace(b"\r\n", b"\r\nX-Request-ID: gone-behind\r\n", 1)

    async def talk(connection: Connection) -> None:
        connection.writer.write(named + READY)
        await connection.writer.drain()
        connection.writer.transport.abort()

    with_connection(server.port, talk)
    server.log.wait_for("gone-behind")
    with server.client() as client:
        assert client.get("/readyz").status_code == 200
    log = "".join(server.log.lines)
    assert "Exception" not in log
    assert "Traceback" not in log


def test_work_for_clients_that_have_gone_is_not_done() -> None:
    """What waits behind a large request is dropped and logged when its client goes."""

    async def ask_and_go(port: int) -> None:
        async with AsyncExitStack() as stack:
            for _ in range(8):
                connection = await stack.enter_async_context(connect(port))
                connection.writer.write(LARGE)
                await connection.writer.drain()
                client = connection.writer.get_extra_info("socket")
                # Closing it resets the connection.
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)

    with serve("--workers", "1") as server:
        asyncio.run(ask_and_go(server.port))
        line = json.loads(server.log.wait_for(r'.*"status": 499.*')[0])
        with server.client() as client:
            page = client.get("/metrics").text

    assert line["route"] == "/interpolate"
    assert line["images"] == 256
    assert line["bytes_out"] == 0
    assert "vae_queue_seconds 0.0" in page


def test_a_large_request_holds_up_neither_probes_nor_digits() -> None:
    """A single digit is answered sooner than a batch of 256 could be computed.

    Two clients send such batches without a pause.
    """

    async def run(port: int) -> tuple[float, float, float]:
        busy = Load(port, LARGE, clients=2)
        sending = asyncio.create_task(busy.run())
        await busy.reach(10)
        async with connect(port) as connection:
            digits = await median_seconds(connection, DIGIT)
            probes = await median_seconds(connection, READY)
        started, before = time.perf_counter(), busy.answered
        await busy.reach(before + 50)
        busy.stop()
        await sending
        return digits, probes, (time.perf_counter() - started) / 50

    with serve("--workers", "1") as server:
        digits, probes, batches = asyncio.run(run(server.port))

    assert digits < batches
    assert probes < 0.1


async def median_seconds(connection: Connection, content: bytes) -> float:
    """Return the median time of 100 requests."""
    seconds = []
    for _ in range(100):
        started = time.perf_counter()
        assert (await connection.exchange(content)).status == 200
        seconds.append(time.perf_counter() - started)
    return median(seconds)


def test_rejections_are_counted_and_logged(server: Server) -> None:
    """Rejections that the application never saw are counted, too."""

    async def talk(connection: Connection) -> None:
        await connection.exchange(b"hello\r\n\r\n")

    with_connection(server.port, talk)
    line = json.loads(server.log.wait_for(r'.*"status": 400.*')[0])

    assert line["message"] == "request"
    with server.client() as client:
        assert 'vae_refusals_total{type="bad-request"}' in client.get("/metrics").text


@pytest.mark.parametrize(
    ("sent", "milliseconds"), [(b"GET /", 400), (b"GET /" + b"a" * 5000, 0.001)]
)
def test_the_log_has_the_time_of_a_rejected_request(
    server: Server, sent: bytes, milliseconds: float
) -> None:
    """It is counted from the first byte of the request to its response."""

    async def talk(connection: Connection) -> None:
        name = (await connection.exchange(sent)).headers["x-request-id"]
        line = await asyncio.to_thread(server.log.wait_for, f'.*"{name}".*')
        assert milliseconds < json.loads(line[0])["milliseconds"] < 5000

    with_connection(server.port, talk)
