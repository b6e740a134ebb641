"""The transport of responses."""

import asyncio

import pytest

from service.server.transport import ResponseTransport
from tests.service.server.fake_transport import FakeTransport

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def do_nothing() -> None:
    """Stand for what the owner of a transport does."""


@pytest.fixture
def fake() -> FakeTransport:
    """Return a transport without a socket."""
    return FakeTransport(asyncio.Protocol())


@pytest.fixture
def transport(fake: FakeTransport) -> ResponseTransport:
    """Return the transport of responses over it."""
    return ResponseTransport(fake, do_nothing, do_nothing)


def test_head_and_body_are_one_write(
    transport: ResponseTransport, fake: FakeTransport
) -> None:
    """The head waits for the body; later pieces do not wait."""
    transport.write(HEAD)
    assert fake.writes == []
    transport.write(b"bo")
    transport.write(b"dy")
    assert fake.writes == [HEAD + b"bo", b"dy"]


def test_a_head_without_a_body_is_sent_at_the_end(
    transport: ResponseTransport, fake: FakeTransport
) -> None:
    """A response to HEAD has none, nor has one of status 304."""
    transport.write(HEAD)
    transport.flush()
    transport.flush()
    assert fake.writes == [HEAD]


def test_100_continue_does_not_wait(
    transport: ResponseTransport, fake: FakeTransport
) -> None:
    """The client waits for it before it sends the body."""
    transport.write(CONTINUE)
    assert fake.writes == [CONTINUE]


def test_output_is_in_memory_until_all_of_a_write_is_sent(
    transport: ResponseTransport, fake: FakeTransport
) -> None:
    """A byte that is not sent keeps its whole piece in memory."""
    transport.write(bytes(1000))
    assert transport.unsent_bytes() == 0
    fake.unsent = 1
    assert transport.unsent_bytes() == 1000
    fake.unsent = 1500
    assert transport.unsent_bytes() == 1500
