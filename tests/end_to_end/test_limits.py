"""What the server refuses before its application sees it, on real sockets."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from statistics import median

import pytest

from tests.end_to_end.connection import Answer, Connection, connect, request
from tests.end_to_end.load import Load
from tests.end_to_end.server import Server, serve
from tests.samples import card_examples

FLAGS = (
    "--workers",
    "1",
    "--request-timeout-seconds",
    "0.5",
    "--keep-alive-seconds",
    "1",
    "--max-header-bytes",
    "1024",
)
DIGIT = request("POST", "/reconstruct", {"images": card_examples()[:1]})
READY = request("GET", "/readyz")
LATENT = {"latent": [0.0] * 32}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server with small limits, quick to reach."""
    with serve(*FLAGS, "--max-body-bytes", "20000") as server:
        yield server


def with_connection(
    server: Server, talk: Callable[[Connection], Awaitable[None]]
) -> None:
    """Run a talk over a new connection."""

    async def run() -> None:
        async with connect(server.port) as connection:
            await asyncio.wait_for(talk(connection), 20)

    asyncio.run(run())


def check_problem(answer: Answer, status: int, kind: str, *details: str) -> None:
    """A refusal has the same shape whoever makes it, and names what it should."""
    body = answer.json()
    assert answer.status == body["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["type"] == f"urn:vae-service:problem:{kind}"
    assert body["request_id"] == answer.headers["x-request-id"]
    for detail in details:
        assert detail in body["detail"]


@pytest.mark.parametrize(
    "sent",
    [b"P", b"POST /encode HTTP/1.1\r\nHost: a\r\n", DIGIT[:-40]],
    ids=["a letter", "half a head", "half a body"],
)
def test_a_request_that_does_not_come_to_its_end_is_refused_in_time(
    server: Server, sent: bytes
) -> None:
    """The clock runs from the first byte to the last; then the connection ends."""

    async def talk(connection: Connection) -> None:
        connection.writer.write(sent)
        check_problem(
            await connection.answer(),
            408,
            "request-timeout",
            "0.5 s",
            "VAE_REQUEST_TIMEOUT_SECONDS",
        )
        assert await connection.ended()

    with_connection(server, talk)


def test_drops_of_bytes_do_not_set_the_clock_back(server: Server) -> None:
    """A client that sends a byte now and then is refused as one that sends none."""

    async def talk(connection: Connection) -> None:
        async def drip() -> None:
            for byte in DIGIT:
                connection.writer.write(bytes([byte]))
                await asyncio.sleep(0.05)

        dripping = asyncio.create_task(drip())
        check_problem(await connection.answer(), 408, "request-timeout")
        dripping.cancel()

    with_connection(server, talk)


def test_a_client_that_takes_no_answers_is_cut(server: Server) -> None:
    """It may not keep memory for ever: it asks and asks, reads nothing, and finds the connection ended."""
    large = request(
        "POST", "/interpolate", {"start": LATENT, "end": LATENT, "steps": 256}
    )

    async def talk(connection: Connection) -> None:
        connection.writer.transport.pause_reading()  # type: ignore[attr-defined]  # it is a transport that reads
        with pytest.raises(OSError):  # noqa: PT012, PT011 - whichever piece is the first that is not taken
            while True:
                connection.writer.write(large)
                await connection.writer.drain()

    with_connection(server, talk)


@pytest.mark.parametrize("requests", [0, 1])
@pytest.mark.parametrize("lines", [0, 40])
def test_an_idle_connection_is_closed(
    server: Server, requests: int, lines: int
) -> None:
    """Whether or not it has ever brought a request; empty lines begin none, however many there are."""

    async def talk(connection: Connection) -> None:
        for _ in range(requests):
            assert (await connection.ask(DIGIT)).status == 200

        async def drip() -> None:
            for _ in range(lines):
                connection.writer.write(b"\r\n")
                await asyncio.sleep(0.3)

        started = time.monotonic()
        dripping = asyncio.create_task(drip())
        assert await connection.ended()
        assert time.monotonic() - started < 5
        dripping.cancel()

    with_connection(server, talk)


@pytest.mark.parametrize(
    "head",
    [
        b"GET /livez HTTP/1.1\r\nX-Long: " + b"a" * 2000 + b"\r\n\r\n",
        b"GET /livez HTTP/1.1\r\n" + b"X-Many: a\r\n" * 200,
        b"GET /" + b"a" * 5000,
    ],
    ids=["a long header", "many headers without an end", "a long path without an end"],
)
def test_headers_that_are_too_large_are_refused(server: Server, head: bytes) -> None:
    """Whole or without an end."""

    async def talk(connection: Connection) -> None:
        connection.writer.write(head)
        check_problem(
            await connection.answer(),
            431,
            "headers-too-large",
            "1024",
            "VAE_MAX_HEADER_BYTES",
        )
        assert await connection.ended()

    with_connection(server, talk)


CHUNKED = b"POST /reconstruct HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"


def test_trailers_are_passed_over(server: Server) -> None:
    """What comes after a body is no part of the request."""
    body = DIGIT.partition(b"\r\n\r\n")[2]

    async def talk(connection: Connection) -> None:
        connection.writer.write(
            CHUNKED + b"\r\n%x\r\n%s\r\n0\r\nX-Checksum: 1\r\n\r\n" % (len(body), body)
        )
        assert (await connection.answer()).status == 200
        assert (await connection.ask(DIGIT)).status == 200

    with_connection(server, talk)


OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQBAAAAAAIAAAAA\r\n"
HEAD, _, BODY = DIGIT.partition(b"\r\n\r\n")


@pytest.mark.parametrize("size", [1, 100_000], ids=["by the byte", "at once"])
@pytest.mark.parametrize(
    "sent",
    [
        HEAD + b"\r\n" + OFFER + b"\r\n" + BODY,
        CHUNKED + OFFER + b"\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY),
        READY.removesuffix(b"\r\n") + OFFER + b"\r\n",
    ],
    ids=["a body", "a chunked body", "no body"],
)
def test_an_offer_of_another_protocol_is_passed_over(
    server: Server, sent: bytes, size: int
) -> None:
    """As Java's client and curl make it: the body is the request's own, and what follows is the next request."""

    async def talk(connection: Connection) -> None:
        several = sent + sent + READY
        for start in range(0, len(several), size):
            connection.writer.write(several[start : start + size])
            await asyncio.sleep(0)
        answers = [await connection.answer() for _ in range(3)]
        assert [answer.status for answer in answers] == [200, 200, 200]
        assert ("images" in answers[0].json()) is sent.startswith(b"POST")
        assert answers[0].json() == answers[1].json()
        assert answers[2].json() == {"status": "ok"}

    with_connection(server, talk)


@pytest.mark.parametrize(
    "change",
    [
        (b"1.1", b"1.0"),
        (b"Connection: ", b"Connection: close, "),
        (b"h2c", b"websocket"),
    ],
    ids=["HTTP/1.0", "close", "a socket"],
)
def test_an_offer_may_end_the_connection(
    server: Server, change: tuple[bytes, bytes]
) -> None:
    """After its answer, if it does so without the offer."""

    async def talk(connection: Connection) -> None:
        connection.writer.write(
            (HEAD + b"\r\n" + OFFER + b"\r\n" + BODY).replace(*change, 1)
        )
        assert (await connection.answer()).json()["images"]
        if b"h2c" in change:
            assert (await connection.ask(DIGIT)).status == 200
        else:
            assert await connection.ended()

    with_connection(server, talk)


def test_a_body_is_no_request_whatever_was_offered(server: Server) -> None:
    """Or a client could make a proxy take a second answer for another client's."""
    head = HEAD.replace(b"%d" % len(BODY), b"%d" % len(READY))
    assert head != HEAD

    async def talk(connection: Connection) -> None:
        connection.writer.write(head + b"\r\n" + OFFER + b"\r\n")
        async with connect(server.port) as other:
            assert (
                await other.ask(READY)
            ).status == 200  # by now the head has been read
        connection.writer.write(READY)
        check_problem(await connection.answer(), 422, "invalid-request", "not JSON")
        assert (await connection.ask(DIGIT)).json()["images"]

    with_connection(server, talk)


def test_each_request_has_its_own_time(server: Server) -> None:
    """Where each piece ends one and begins the next."""

    async def talk(connection: Connection) -> None:
        connection.writer.write(DIGIT[:20])
        for _ in range(10):
            await asyncio.sleep(0.1)
            connection.writer.write(DIGIT[20:] + DIGIT[:20])
            assert (await connection.answer()).status == 200

    with_connection(server, talk)


def test_a_client_that_has_gone_is_noticed_with_requests_behind(server: Server) -> None:
    """The work that is done by then is for nobody, and no error."""
    large = request(
        "POST",
        "/interpolate",
        {"start": LATENT, "end": LATENT, "steps": 256, "path": "even"},
    )

    async def talk(connection: Connection) -> None:
        connection.writer.write(
            large.replace(b"\r\n", b"\r\nX-Request-ID: gone-behind\r\n", 1) + READY
        )
        await connection.writer.drain()
        connection.writer.transport.abort()

    with_connection(server, talk)
    server.log.wait_for("gone-behind")
    with server.client() as client:
        assert client.get("/readyz").status_code == 200
    assert not [
        line for line in server.log.lines if "Exception" in line or "Traceback" in line
    ]


@pytest.mark.parametrize(
    "sent",
    [b"X-Many: a\r\n" * 200, b"X-Long: " + b"a" * 2000],
    ids=["many", "a long one"],
)
def test_trailers_that_are_too_large_are_refused(server: Server, sent: bytes) -> None:
    """As headers are, with the request's id; one line in the log tells of it."""
    name = b"trailers-%d" % len(sent)

    async def talk(connection: Connection) -> None:
        connection.writer.write(
            CHUNKED
            + b"X-Request-ID: %s\r\nExpect: 100-continue\r\n\r\n2\r\n{}\r\n" % name
        )
        assert (await connection.answer()).status == 100  # the body is read
        connection.writer.write(b"0\r\n" + sent)
        answer = await connection.answer()
        check_problem(answer, 431, "headers-too-large", "1024", "VAE_MAX_HEADER_BYTES")
        assert answer.headers["x-request-id"] == name.decode()
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert await connection.ended()

    with_connection(server, talk)
    server.log.wait_for(name.decode())
    with server.client() as client:  # whose line comes after all of that request's
        client.get("/livez", headers={"X-Request-ID": f"after-{len(sent)}"})
    server.log.wait_for(f"after-{len(sent)}")
    lines = [json.loads(line) for line in server.log.lines if name.decode() in line]

    assert [(line["route"], line["status"]) for line in lines] == [
        ("/reconstruct", 431)
    ]


@pytest.mark.parametrize("requests", [0, 1])
@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01",
        b"hello\r\n\r\n",
        b"GET / HTTP/1.1\r\n:\r\n\r\n",
        b"GET http://a:99999/ HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"CONNECT /livez HTTP/1.1\r\nHost: a\r\n\r\nGET /livez HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
    ids=[
        "TLS",
        "plain text",
        "a header without a name",
        "a port that is none",
        "no path",
        "a tunnel",
        "one and more",
    ],
)
def test_what_is_no_http_is_refused(server: Server, sent: bytes, requests: int) -> None:
    """As the first or after others, and counted."""

    async def talk(connection: Connection) -> None:
        for _ in range(requests):
            assert (await connection.ask(DIGIT)).status == 200
        connection.writer.write(sent)
        answer = await connection.answer()
        check_problem(answer, 400, "bad-request")
        assert await connection.ended()
        server.log.wait_for(answer.headers["x-request-id"])

    with_connection(server, talk)


def test_a_body_that_is_no_http_is_refused_once(server: Server) -> None:
    """By the request's own id, even where all of it comes at once; and not again if it was refused before."""
    bad_chunk = b"2\r\n{}\r\nzz\r\n"

    async def talk(connection: Connection) -> None:
        connection.writer.write(
            CHUNKED + b"X-Request-ID: one-packet\r\n\r\n" + bad_chunk
        )
        answer = await connection.answer()
        check_problem(answer, 400, "bad-request")
        assert answer.headers["x-request-id"] == "one-packet"
        assert await connection.ended()

    async def talk_on(connection: Connection) -> None:
        connection.writer.write(CHUNKED.replace(b"json", b"xml") + b"\r\n")
        check_problem(await connection.answer(), 415, "unsupported-media-type")
        connection.writer.write(bad_chunk)
        assert await connection.ended()

    with_connection(server, talk)
    with_connection(server, talk_on)
    assert json.loads(server.log.wait_for(r'.*"one-packet".*')[0])["status"] == 400


def test_a_request_behind_another_does_not_answer_for_it(server: Server) -> None:
    """Where what follows in the same connection is bad, the connection ends after the answer."""

    async def talk(connection: Connection) -> None:
        connection.writer.write(DIGIT + b"hello\r\n\r\n")
        assert (await connection.answer()).status == 200
        assert await connection.ended()

    with_connection(server, talk)


def test_headers_behind_another_request_have_their_limit(server: Server) -> None:
    """Though they came with it."""

    async def talk(connection: Connection) -> None:
        connection.writer.write(
            DIGIT + b"GET /livez HTTP/1.1\r\nX-Long: " + b"a" * 2000 + b"\r\n\r\n"
        )
        assert (await connection.answer()).status == 200
        assert await connection.ended()

    with_connection(server, talk)


def test_a_body_that_says_it_is_too_large_is_refused_before_it_comes(
    server: Server,
) -> None:
    """And what comes of it is dropped: the connection goes on."""

    async def talk(connection: Connection) -> None:
        connection.writer.write(
            b"POST /encode HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 300000\r\n\r\n"
        )
        check_problem(
            await connection.answer(),
            413,
            "body-too-large",
            "300000",
            "20000",
            "VAE_MAX_BODY_BYTES",
        )
        connection.writer.write(bytes(300_000))
        assert (await connection.ask(DIGIT)).status == 200

    with_connection(server, talk)


def test_a_body_of_untold_length_is_refused_once_it_is_too_large(
    server: Server,
) -> None:
    """Counted as it comes, in chunks."""

    async def talk(connection: Connection) -> None:
        connection.writer.write(
            b"POST /encode HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for _ in range(25):
            connection.writer.write(b"3e8\r\n" + bytes(1000) + b"\r\n")
        check_problem(
            await connection.answer(), 413, "body-too-large", "more than 20000"
        )

    with_connection(server, talk)


def test_a_client_reads_the_refusal_of_a_large_body(server: Server) -> None:
    """A common client, that sends all before it reads, sees the answer and no broken pipe."""
    with server.client() as client:
        answer = client.post("/encode", json={"images": ["A" * 10_000_000]})

    assert answer.status_code == 413


def test_bodies_together_are_bounded(server: Server) -> None:
    """Many large bodies that are sent but not ended are not all kept."""

    async def run() -> None:
        head = b"POST /encode HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 20000\r\n\r\n"
        async with AsyncExitStack() as stack:
            connections = [
                await stack.enter_async_context(connect(server.port)) for _ in range(30)
            ]
            for connection in connections:
                connection.writer.write(head + bytes(19_000))
            answers = await asyncio.gather(
                *(connection.answer() for connection in connections)
            )
        assert {answer.status for answer in answers} == {408, 503}
        refused = next(answer for answer in answers if answer.status == 503)
        check_problem(refused, 503, "overloaded", "16 times VAE_MAX_BODY_BYTES")
        assert refused.headers["retry-after"] == "1"

    asyncio.run(run())
    with server.client() as client:
        assert (
            client.post("/encode", json={"images": card_examples()[:1]}).status_code
            == 200
        )


def test_work_for_clients_that_have_gone_is_not_done() -> None:
    """What waits behind a large request is dropped when its client goes away, and noted as such."""
    large = request(
        "POST", "/interpolate", {"start": LATENT, "end": LATENT, "steps": 256}
    )

    async def ask_and_go(port: int) -> None:
        async with AsyncExitStack() as stack:
            for _ in range(8):
                connection = await stack.enter_async_context(connect(port))
                connection.writer.write(large)
                await connection.writer.drain()

    with serve("--workers", "1", "--max-pending-images", "4096") as server:
        asyncio.run(ask_and_go(server.port))
        line = json.loads(server.log.wait_for(r'.*"status": 499.*')[0])
        with server.client() as client:
            page = client.get("/metrics").text

    assert (line["route"], line["images"], line["bytes_out"]) == (
        "/interpolate",
        256,
        0,
    )
    assert "vae_pending_images 0.0" in page


def test_a_large_request_holds_up_neither_probes_nor_digits() -> None:
    """While batches of 256 are computed without a pause, a single digit is answered before one of them could be."""
    large = request(
        "POST", "/interpolate", {"start": LATENT, "end": LATENT, "steps": 256}
    )

    async def run(port: int) -> tuple[float, float, float]:
        busy = Load(port, large, clients=2)
        sending = asyncio.create_task(busy.run())
        await busy.reach(10)
        async with connect(port) as connection:
            digits, probes = [
                await median_seconds(connection, content) for content in (DIGIT, READY)
            ]
        started, before = time.perf_counter(), busy.answered
        await busy.reach(before + 50)
        busy.stop()
        await sending
        return digits, probes, (time.perf_counter() - started) / 50

    with serve("--workers", "1", "--max-pending-images", "4096") as server:
        digits, probes, batches = asyncio.run(run(server.port))

    assert digits < batches
    assert probes < 0.1


async def median_seconds(connection: Connection, content: bytes) -> float:
    """The median time of a request."""
    seconds = []
    for _ in range(100):
        started = time.perf_counter()
        assert (await connection.ask(content)).status == 200
        seconds.append(time.perf_counter() - started)
    return median(seconds)


def test_refusals_are_counted_and_logged(server: Server) -> None:
    """Those that no application saw, too."""

    async def talk(connection: Connection) -> None:
        await connection.ask(b"hello\r\n\r\n")

    with_connection(server, talk)
    line = json.loads(server.log.wait_for(r'.*"status": 400.*')[0])

    assert line["message"] == "request"
    with server.client() as client:
        assert 'vae_refusals_total{type="bad-request"}' in client.get("/metrics").text
