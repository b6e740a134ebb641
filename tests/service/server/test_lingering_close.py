"""The close of a connection whose client may still be sending."""

import asyncio
import time

import pytest

from service.server import lingering_close
from service.server.lingering_close import LingeringClose
from tests.service.server.fake_transport import FakeTransport

IDLE_SECONDS = 0.05
SECONDS = 0.3


class Connection(asyncio.Protocol):
    """The protocol that the connection had before."""


@pytest.fixture(autouse=True)
def short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the limits quick to reach."""
    monkeypatch.setattr(lingering_close, "MAX_IDLE_SECONDS", IDLE_SECONDS)
    monkeypatch.setattr(lingering_close, "MAX_BYTES", 1000)


def seconds_to_close(unsent: int = 0, sent: bytes = b"") -> float:
    """Close; send bytes every 10 ms; return the seconds until the connection ends."""

    async def run() -> float:
        transport = FakeTransport(Connection())
        transport.unsent = unsent
        transport.pause_reading()
        started = time.monotonic()
        closing = LingeringClose(transport, asyncio.get_running_loop(), SECONDS)
        assert transport.output_ended
        assert transport.is_reading()
        while not transport.is_closing():
            if sent:
                closing.data_received(sent)
            await asyncio.sleep(0.01)
        return time.monotonic() - started

    return asyncio.run(run())


def test_an_idle_client_ends_it() -> None:
    """The connection ends soon if the client sends nothing."""
    assert IDLE_SECONDS <= seconds_to_close() < SECONDS


def test_a_client_may_send_on_for_its_time() -> None:
    """The connection goes on while bytes come, but not for ever."""
    assert seconds_to_close(sent=b"a") >= SECONDS


def test_the_bytes_are_bounded() -> None:
    """The connection ends at once when there have been too many."""
    assert seconds_to_close(sent=bytes(500)) < SECONDS


def test_a_client_has_its_time_to_take_the_response() -> None:
    """The connection goes on while output is left, but not for ever."""
    assert seconds_to_close(unsent=1) >= SECONDS
