"""The log never stops the service."""

import asyncio
import fcntl
import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context

import pytest

from service.observability.logs import (
    MAX_WRITE_BYTES,
    AccessLog,
    EventHandler,
    JsonFormatter,
    LogWriter,
)
from service.observability.request_context import RequestContext


@dataclass
class Pipe:
    """Pipe that a log is written to and that nobody reads meanwhile."""

    reader: int
    writer: int

    def lines(self) -> list[bytes]:
        """Return what has been written."""
        os.set_blocking(self.reader, False)
        content = b""
        with suppress(BlockingIOError):
            while chunk := os.read(self.reader, 1 << 20):
                content += chunk
        return content.splitlines(keepends=True)

    def capacity(self) -> int:
        """Return the number of bytes that it holds."""
        return fcntl.fcntl(self.writer, fcntl.F_GETPIPE_SZ)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """Pipe without a reader."""
    reader, writer = os.pipe()
    yield Pipe(reader, writer)
    os.close(reader)
    os.close(writer)


@pytest.fixture
def logger(pipe: Pipe) -> Iterator[logging.Logger]:
    """Logger of JSON events to the pipe."""
    handler = EventHandler(LogWriter(pipe.writer))
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("tests.logs")
    logger.addHandler(handler)
    yield logger
    logger.removeHandler(handler)


def test_an_access_log_that_nobody_reads_does_not_block(pipe: Pipe) -> None:
    """Lines that find no room in the pipe are dropped; those written are whole."""

    async def log_much() -> None:
        log = AccessLog("json", LogWriter(pipe.writer))
        for _ in range(2000):  # several times what a pipe holds
            context = RequestContext("id", status=200)
            log.write(context, "client", "GET", "/livez", 0.001)
        log.flush()

    asyncio.run(log_much())

    lines = pipe.lines()
    assert 0 < len(lines) < 2000
    for line in lines:
        assert json.loads(line)["message"] == "request"


def test_events_that_nobody_reads_do_not_block(
    pipe: Pipe, logger: logging.Logger
) -> None:
    """They are dropped as access lines are."""
    for number in range(2000):
        logger.error("event %d", number)

    lines = pipe.lines()
    assert 0 < len(lines) < 2000
    for number, line in enumerate(lines):
        assert json.loads(line)["message"] == f"event {number}"


def test_an_event_longer_than_the_pipe_is_written_whole(
    pipe: Pipe, logger: logging.Logger
) -> None:
    """Its rest comes before the next event, as soon as there is room."""
    text = "x" * (pipe.capacity() + MAX_WRITE_BYTES)
    logger.error(text)
    logger.error("dropped: the rest of the one before finds no room")
    lines = pipe.lines()
    logger.error("next")
    lines += pipe.lines()

    first, second = b"".join(lines).splitlines()
    assert json.loads(first)["message"] == text
    assert json.loads(second)["message"] == "next"


def write_much(descriptor: int) -> None:
    """Write lines as fast as possible."""
    writer = LogWriter(descriptor)
    for _ in range(20_000):
        writer.write(b"x" * 99 + b"\n")


def test_processes_that_share_a_full_pipe_do_not_block(pipe: Pipe) -> None:
    """Two that find room for one of them both go on."""
    context = get_context("fork")
    processes = [context.Process(target=write_much, args=[pipe.writer]) for _ in "ab"]
    for process in processes:
        process.start()
    lines = []
    end = time.monotonic() + 60
    while time.monotonic() < end and any(process.is_alive() for process in processes):
        lines += pipe.lines()[:1]  # now and then there is a little room
    for process in processes:
        process.join(1)
        process.kill()

    assert [process.exitcode for process in processes] == [0, 0]
    assert lines


def test_the_flags_of_standard_error_stay(pipe: Pipe) -> None:
    """Other programs share the descriptor, and may rely on writes that wait."""
    LogWriter(pipe.writer)

    assert os.get_blocking(pipe.writer)
