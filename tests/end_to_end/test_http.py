"""HTTP/1.1 message syntax and connection handling, on real sockets."""

import asyncio
import json
from collections.abc import Iterator
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.end_to_end.connection import (
    Connection,
    check_problem,
    connect,
    request,
    with_connection,
)
from tests.end_to_end.server import Server, serve
from tests.samples import card_examples

DIGIT = request("POST", "/reconstruct", {"images": card_examples()[:1]})
HEAD, _, BODY = DIGIT.partition(b"\r\n\r\n")
READY = request("GET", "/readyz")
CHUNKED_HEAD = (
    b"POST /reconstruct HTTP/1.1\r\nHost: a\r\n"
    b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
)
OFFER = (
    b"Connection: Upgrade, HTTP2-Settings\r\n"
    b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQBAAAAAAIAAAAA\r\n"
)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Start a server with one worker."""
    with serve("--workers", "1") as server:
        yield server


def test_trailers_are_ignored(server: Server) -> None:
    """Trailer fields after a chunked body do not belong to the request."""
    body = b"%x\r\n%s\r\n0\r\nX-Checksum: 1\r\n\r\n" % (len(BODY), BODY)

    async def talk(connection: Connection) -> None:
        connection.writer.write(CHUNKED_HEAD + b"\r\n" + body)
        assert (await connection.read_response()).status == 200
        assert (await connection.exchange(DIGIT)).status == 200

    with_connection(server.port, talk)


@pytest.mark.parametrize("size", [1, 100_000], ids=["by the byte", "at once"])
@pytest.mark.parametrize(
    "sent",
    [
        HEAD + b"\r\n" + OFFER + b"\r\n" + BODY,
        CHUNKED_HEAD + OFFER + b"\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY),
        READY.removesuffix(b"\r\n") + OFFER + b"\r\n",
    ],
    ids=["a body", "a chunked body", "no body"],
)
def test_an_offer_of_another_protocol_is_ignored(
    server: Server, sent: bytes, size: int
) -> None:
    """Java's client and curl offer HTTP/2: the body still belongs to the request.

    What follows the body is the next request.
    """

    async def talk(connection: Connection) -> None:
        several = sent + sent + READY
        for start in range(0, len(several), size):
            connection.writer.write(several[start : start + size])
            await asyncio.sleep(0)
        responses = [await connection.read_response() for _ in range(3)]
        assert [response.status for response in responses] == [200, 200, 200]
        assert ("images" in responses[0].json()) is sent.startswith(b"POST")
        assert responses[0].json() == responses[1].json()
        assert responses[2].json() == {"status": "ok"}

    with_connection(server.port, talk)


@pytest.mark.parametrize(
    "change",
    [
        (b"1.1", b"1.0"),
        (b"Connection: ", b"Connection: close, "),
        (b"h2c", b"websocket"),
    ],
    ids=["HTTP/1.0", "close", "a websocket"],
)
def test_an_offer_does_not_keep_the_connection_open(
    server: Server, change: tuple[bytes, bytes]
) -> None:
    """The connection ends after the response if it would without the offer."""
    sent = (HEAD + b"\r\n" + OFFER + b"\r\n" + BODY).replace(*change, 1)

    async def talk(connection: Connection) -> None:
        assert (await connection.exchange(sent)).json()["images"]
        if b"h2c" in change:
            assert (await connection.exchange(DIGIT)).status == 200
        else:
            assert await connection.ended()

    with_connection(server.port, talk)


def test_a_body_is_never_read_as_a_request(server: Server) -> None:
    """Else a client could make a proxy give its second response to another client."""
    head = HEAD.replace(b"%d" % len(BODY), b"%d" % len(READY))
    assert head != HEAD

    async def talk(connection: Connection) -> None:
        connection.writer.write(head + b"\r\n" + OFFER + b"\r\n")
        async with connect(server.port) as other:
            # Once this is answered, the head has been read.
            assert (await other.exchange(READY)).status == 200
        connection.writer.write(READY)
        check_problem(
            await connection.read_response(), 422, "invalid-request", "not JSON"
        )
        assert (await connection.exchange(DIGIT)).json()["images"]

    with_connection(server.port, talk)


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
        b"CONNECT /livez HTTP/1.1\r\nHost: a\r\n\r\n" + READY,
        b"GET /livez HTTP/1.1\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: a b\r\n\r\n",
        b"GET /livez HTTP/0.9\r\nHost: a\r\n\r\n",
        b"GET /livez\r\nHost: a\r\n\r\n",
        b"GET /livez HTTP/2.0\r\nHost: a\r\n\r\n",
        b"OPTIONS / RTSP/1.0\r\n\r\n",
        b"\r\nGET /livez RTSP/1.0\r\nHost: a\r\nUser-Agent: a HTTP/1.1\r\n\r\n",
        b"SOURCE /livez ICE/1.0\r\nHost: a\r\n\r\n",
        CHUNKED_HEAD.replace(b" chunked", b" gzip, chunked") + b"\r\n0\r\n\r\n",
    ],
    ids=[
        "TLS",
        "plain text",
        "a header without a name",
        "an invalid port",
        "no path",
        "a tunnel",
        "a tunnel and a request",
        "no host",
        "two hosts",
        "an invalid host",
        "HTTP/0.9",
        "no version",
        "HTTP/2.0",
        "RTSP",
        "RTSP after an empty line",
        "ICE",
        "an unknown transfer coding",
    ],
)
def test_what_is_not_http_is_rejected(
    server: Server, sent: bytes, requests: int
) -> None:
    """The first request of a connection or a later one; it is logged."""

    async def talk(connection: Connection) -> None:
        for _ in range(requests):
            assert (await connection.exchange(DIGIT)).status == 200
        response = await connection.exchange(sent)
        check_problem(response, 400, "bad-request")
        assert await connection.ended()
        server.log.wait_for(response.headers["x-request-id"])

    with_connection(server.port, talk)


def test_a_line_of_another_protocol_is_rejected_by_the_byte(server: Server) -> None:
    """Its pieces are put together again."""

    async def talk(connection: Connection) -> None:
        for byte in b"\r\nGET /livez RTSP/1.0\r\nHost: a\r\n\r\n":
            connection.writer.write(bytes([byte]))
            await asyncio.sleep(0.002)
        check_problem(await connection.read_response(), 400, "bad-request")
        assert await connection.ended()
        async with connect(server.port) as other:
            for byte in b"\r\n" + READY:
                other.writer.write(bytes([byte]))
                await asyncio.sleep(0.002)
            assert (await other.read_response()).status == 200

    with_connection(server.port, talk)


@pytest.mark.parametrize("megabytes", [12, 15, 20])
def test_a_client_that_sends_all_first_reads_the_rejection(
    server: Server, megabytes: int
) -> None:
    """Urllib asks for the connection's end and sees no broken pipe, in any of 8 tries.

    The service goes on reading what it drops, so that the kernel does not reset the
    connection before the client has read the response.
    """
    body = bytes(megabytes * 1024 * 1024 + 1)
    headers = {"Content-Type": "application/json"}
    url = f"{server.url}/encode"

    for _ in range(8):
        sent = Request(url, body, headers)  # noqa: S310 - the URL is the test server's
        with pytest.raises(HTTPError) as error:
            urlopen(sent, timeout=30)  # noqa: S310
        assert error.value.code == 413
        error.value.close()


BATCH = request("POST", "/reconstruct", {"images": card_examples()[:1] * 256})
HALF_CLOSED = {
    "a probe": (READY, 1),
    "a batch": (BATCH, 1),
    "metrics": (request("GET", "/metrics"), 1),
    "a static file": (request("GET", "/docs-assets/swagger-ui-bundle.js"), 1),
    "pipelined": (BATCH + READY + BATCH, 3),
}


@pytest.mark.parametrize(("sent", "count"), HALF_CLOSED.values(), ids=HALF_CLOSED)
@pytest.mark.parametrize("seconds", [0, 0.02])
def test_a_half_closed_client_gets_its_responses(
    server: Server, sent: bytes, count: int, seconds: float
) -> None:
    """It ends its side at once, or a little later; the last response ends the other."""

    async def talk(connection: Connection) -> None:
        connection.writer.write(sent)
        await asyncio.sleep(seconds)
        connection.writer.write_eof()
        for _ in range(count):
            response = await connection.read_response()
            assert response.status == 200
            assert response.body
        assert await connection.ended()

    with_connection(server.port, talk)


def test_a_client_that_ends_an_incomplete_request_gets_no_response(
    server: Server,
) -> None:
    """The request can never be complete."""

    async def talk(connection: Connection) -> None:
        connection.writer.write(DIGIT[:-1])
        connection.writer.write_eof()
        assert await connection.ended()

    with_connection(server.port, talk)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (HEAD.replace(b"/json", b"/xml"), 415),
        (HEAD.replace(b"/reconstruct", b"/nothing"), 404),
        (HEAD.replace(b"Length: ", b"Length: 99999999"), 413),
    ],
)
def test_a_rejection_instead_of_100_continue_ends_the_connection(
    server: Server, head: bytes, status: int
) -> None:
    """The client need not send the body: its next request must not be taken for it."""

    async def talk(connection: Connection) -> None:
        response = await connection.exchange(head + b"\r\nExpect: 100-continue\r\n\r\n")
        assert response.status == status
        assert response.headers["connection"] == "close"
        assert await connection.ended()

    with_connection(server.port, talk)


@pytest.mark.parametrize("body", [BODY, b""], ids=["sent at once", "none"])
def test_a_client_that_does_not_wait_for_100_continue_keeps_its_connection(
    server: Server, body: bytes
) -> None:
    """Nothing of the request is left that could be taken for the next one."""
    head = HEAD.replace(b"/reconstruct", b"/nothing")
    length = b"Content-Length: %d\r\n" % len(body)
    head = head.replace(b"Content-Length: %d" % len(BODY), b"Expect: 100-continue")

    async def talk(connection: Connection) -> None:
        assert (
            await connection.exchange(head + b"\r\n" + length + b"\r\n" + body)
        ).status == 404
        assert (await connection.exchange(READY)).status == 200

    with_connection(server.port, talk)


def test_a_client_that_waits_for_100_continue_gets_it(server: Server) -> None:
    """The body is read, and the connection goes on."""

    async def talk(connection: Connection) -> None:
        head = HEAD + b"\r\nExpect: 100-continue\r\n\r\n"
        assert (await connection.exchange(head)).status == 100
        assert (await connection.exchange(BODY)).status == 200
        assert (await connection.exchange(READY)).status == 200

    with_connection(server.port, talk)


def test_http_1_0_needs_no_host(server: Server) -> None:
    """A health check of HAProxy or of a load balancer sends such requests."""

    async def talk(connection: Connection) -> None:
        assert (await connection.exchange(b"GET /livez HTTP/1.0\r\n\r\n")).status == 200
        assert await connection.ended()

    with_connection(server.port, talk)


def test_white_space_at_the_end_of_a_header_is_no_part_of_it(server: Server) -> None:
    """RFC 9112, 5: an id, or an API key, is the same with and without it."""
    sent = READY.replace(b"\r\n\r\n", b"\r\nX-Request-ID: spaced \t \r\n\r\n")

    async def talk(connection: Connection) -> None:
        response = await connection.exchange(sent)
        assert response.headers["x-request-id"] == "spaced"

    with_connection(server.port, talk)


BAD_CHUNK = b"2\r\n{}\r\nzz\r\n"


def test_a_malformed_body_is_rejected_once(server: Server) -> None:
    """The problem has the request's own id, even if all of it comes in one packet."""
    head = CHUNKED_HEAD + b"X-Request-ID: one-packet\r\n\r\n"

    async def talk(connection: Connection) -> None:
        response = await connection.exchange(head + BAD_CHUNK)
        check_problem(response, 400, "bad-request")
        assert response.headers["x-request-id"] == "one-packet"
        assert await connection.ended()

    with_connection(server.port, talk)
    line = server.log.wait_for(r'.*"one-packet".*')[0]
    assert json.loads(line)["status"] == 400


def test_a_malformed_body_of_a_rejected_request_ends_the_connection(
    server: Server,
) -> None:
    """The request has had its response: there is no second one."""
    head = CHUNKED_HEAD.replace(b"json", b"xml") + b"\r\n"

    async def talk(connection: Connection) -> None:
        check_problem(await connection.exchange(head), 415, "unsupported-media-type")
        connection.writer.write(BAD_CHUNK)
        assert await connection.ended()

    with_connection(server.port, talk)


@pytest.mark.parametrize("bad", [b"hello\r\n\r\n", b"\x16\x03\x01", b"\0", b"G\0"])
def test_a_bad_request_behind_another_does_not_take_its_response(
    server: Server, bad: bytes
) -> None:
    """The first request is answered, then the connection ends."""

    async def talk(connection: Connection) -> None:
        assert (await connection.exchange(DIGIT + bad)).status == 200
        assert await connection.ended()

    with_connection(server.port, talk)
