"""Requests of workers for other models, and the supervisor's answers."""

import asyncio
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from service.model.errors import ModelLoadError, OverloadedError
from service.model.repository import ModelChange
from service.server.model_changes import (
    MAX_REASON_CHARACTERS,
    ChangeRequest,
    ChangeRequests,
)

LOAD = ModelChange("load", "parts")


@pytest.fixture
def requests() -> Iterator[ChangeRequests]:
    """Both ends of the way, with room for a few requests."""
    requests = ChangeRequests()
    requests.outbox.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    with requests.inbox, requests.outbox:
        yield requests


async def ask(
    requests: ChangeRequests, answer: Callable[[ChangeRequest], object]
) -> list[ChangeRequest]:
    """Send a request, and answer it as the supervisor would; return all received."""
    sending = asyncio.create_task(requests.send(LOAD))
    await asyncio.sleep(0)
    received = requests.receive()
    for request in received:
        answer(request)
    await sending
    return received


def test_a_request_arrives_with_the_process_that_asks(requests: ChangeRequests) -> None:
    """It is answered once the change is made."""
    assert requests.receive() == []
    (request,) = asyncio.run(ask(requests, lambda request: request.finish("")))

    assert request.change == LOAD
    assert request.process == os.getpid()
    assert requests.receive() == []


@pytest.mark.parametrize("length", [9, 100_000])
def test_a_failure_is_raised_with_its_reason(
    requests: ChangeRequests, length: int
) -> None:
    """A very long one is cut: a pipe takes it at once."""
    reason = "x" * length
    with pytest.raises(ModelLoadError) as error:
        asyncio.run(ask(requests, lambda request: request.finish(reason)))

    assert str(error.value) == reason[:MAX_REASON_CHARACTERS]


def test_a_supervisor_that_stops_answers_nothing(requests: ChangeRequests) -> None:
    """The end of the pipe is a failure, and no descriptor is left open."""
    before = len(list(Path("/dev/fd").iterdir()))
    with pytest.raises(ModelLoadError, match="the service is stopping"):
        asyncio.run(ask(requests, lambda request: request.close()))

    assert len(list(Path("/dev/fd").iterdir())) == before


def test_an_answer_to_a_worker_that_has_ended_is_dropped(
    requests: ChangeRequests,
) -> None:
    """The supervisor goes on."""

    async def cancel() -> None:
        sending = asyncio.create_task(requests.send(LOAD))
        await asyncio.sleep(0)
        sending.cancel()

    asyncio.run(cancel())
    (request,) = requests.receive()
    request.finish("")


def test_too_many_requests_are_rejected(requests: ChangeRequests) -> None:
    """Those that wait fill the socket; no request blocks the event loop."""

    async def send_many() -> list[object]:
        sending = [asyncio.create_task(requests.send(LOAD)) for _ in range(50)]
        _, pending = await asyncio.wait(sending, return_when=asyncio.FIRST_EXCEPTION)
        for each in pending:
            each.cancel()
        return await asyncio.gather(*sending, return_exceptions=True)

    results = asyncio.run(send_many())
    for request in requests.receive():
        request.close()
    assert any(isinstance(result, OverloadedError) for result in results)
