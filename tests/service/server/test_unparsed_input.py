"""Pieces of a connection's input."""

import httptools
from hypothesis import given
from hypothesis import strategies as st

from service.server.unparsed_input import MAX_PIECE_BYTES, UnparsedInput

GET = b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"
POST = (
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\n"
    + b"\nGET / HTTP/1.1" * 2
)
CHUNKED = (
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\nGET /\r\n1\r\nx\r\n0\r\nX-Trailer: HTTP/1.1\r\n\r\n"
)
LONG = b"GET /" + b"a" * 2 * MAX_PIECE_BYTES + b" HTTP/1.1\r\nHost: a\r\n\r\n"


class Requests:
    """Counts the requests that httptools sees, as the protocol does."""

    def __init__(self) -> None:
        self.heads = self.complete = 0
        self.body_left = 0

    def on_message_begin(self) -> None:
        """Forget the body of the request before."""
        self.body_left = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note the length of the body."""
        if name == b"Content-Length":
            self.body_left = int(value)

    def on_headers_complete(self) -> None:
        """Count a head."""
        self.heads += 1

    def on_body(self, body: bytes) -> None:
        """Note that a part of the body has come."""
        self.body_left = max(self.body_left - len(body), 0)

    def on_message_complete(self) -> None:
        """Count a request."""
        self.complete += 1


@given(
    st.lists(st.sampled_from([GET, POST, CHUNKED, LONG]), max_size=12),
    st.lists(st.integers(1, 60), min_size=1, max_size=20),
)
def test_no_piece_completes_the_head_of_a_second_request(
    requests: list[bytes], packet_sizes: list[int]
) -> None:
    """Whatever the packets: when a request is complete, the next has no whole head."""
    stream = b"".join(requests)
    seen = Requests()
    parser = httptools.HttpRequestParser(seen)
    unparsed = UnparsedInput()
    packet = 0
    while stream:
        size = packet_sizes[packet % len(packet_sizes)] ** 2
        packet += 1
        unparsed.append(stream[:size])
        stream = stream[size:]
        while unparsed:
            complete = seen.complete
            parser.feed_data(unparsed.take_piece(seen.body_left))
            if seen.complete > complete:
                assert seen.complete == seen.heads == complete + 1
    assert seen.complete == len(requests)


@given(st.binary(max_size=100), st.binary(max_size=100), st.integers(0, 50))
def test_pieces_are_the_input(first: bytes, second: bytes, body_left: int) -> None:
    """Nothing is lost or repeated, whenever it is added."""
    unparsed = UnparsedInput()
    pieces = b""
    for added in (first.replace(b"a", b"\n HTTP/"), second):
        unparsed.append(added)
        if unparsed:
            pieces += bytes(unparsed.take_piece(body_left))
    while unparsed:
        pieces += bytes(unparsed.take_piece(body_left))
    assert pieces == first.replace(b"a", b"\n HTTP/") + second


def test_a_piece_is_bounded() -> None:
    """A piece without a request's line has 16 KiB at most; a known body is one."""
    unparsed = UnparsedInput()
    unparsed.append(bytes(100_000))
    assert len(unparsed.take_piece(0)) == MAX_PIECE_BYTES
    assert len(unparsed.take_piece(50_000)) == 50_000


def test_a_large_body_is_a_piece_without_its_head() -> None:
    """It is then parsed in one call, and copied once less."""
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n"
    body = b"a" * 50_000
    unparsed = UnparsedInput()
    unparsed.append(head + body)

    assert bytes(unparsed.take_piece(0)) == head
    assert bytes(unparsed.take_piece(50_000)) == body
    assert not unparsed
