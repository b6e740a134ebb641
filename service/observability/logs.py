"""The log on standard error: a line an event, for people on a terminal and as JSON elsewhere.

Events go through ``logging``. A line a request would cost too much that way, so that ``AccessLog`` writes them itself.
"""

import asyncio
import json
import logging
import os
import select
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Literal, Protocol

Form = Literal["text", "json"]
FLUSH_SECONDS = 0.1
MAX_BYTES = 4096  # a write to a pipe of no more than this is never mixed with another process's (POSIX PIPE_BUF)


def configure(form: Literal["auto", "text", "json"]) -> Form:
    """Send all events to standard error in one form; give the form that ``auto`` stands for there."""
    if form == "auto":
        form = "text" if sys.stderr.isatty() else "json"
    text = logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S")
    handler = logging.StreamHandler()
    handler.setFormatter(text if form == "text" else JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("uvicorn.error").setLevel(
        logging.ERROR
    )  # the service tells of starts and of bad requests itself
    return form


class JsonFormatter(logging.Formatter):
    """An event as a line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """See ``logging.Formatter``."""
        event = {
            "time": timestamp(record.created),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        return json.dumps(event)


def timestamp(seconds: float) -> str:
    """Seconds since 1970 as RFC 3339, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


class RequestRecord(Protocol):
    """What the log tells of a request."""

    request_id: str
    status: int
    images: int
    bytes_in: int
    bytes_out: int


class AccessLog:
    """A line a request, written some at a time."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self._lines: list[bytes] = []
        self._size = 0
        self._second = 0
        self._clock = ""

    def write(
        self,
        record: RequestRecord,
        client: str,
        method: str,
        route: str,
        seconds: float,
    ) -> None:
        """Log one request. All text must be plain: no part of it is escaped."""
        now = time.time()
        if int(now) != self._second:
            self._second = int(now)
            self._clock = timestamp(self._second)[:19]
        if self._form == "json":
            line = (
                f'{{"time": "{self._clock}.{int(now % 1 * 1000):03}+00:00", "level": "info", "message": "request", '
                f'"request_id": "{record.request_id}", "client": "{client}", "method": "{method}", "route": "{route}", '
                f'"status": {record.status}, "milliseconds": {seconds * 1000:.3f}, "images": {record.images}, '
                f'"bytes_in": {record.bytes_in}, "bytes_out": {record.bytes_out}}}\n'
            )
        else:
            line = (
                f"{time.strftime('%H:%M:%S')} {client} {method} {route} {record.status} {seconds * 1000:.2f} ms, "
                f"{record.images} images, {record.bytes_in} B in, {record.bytes_out} B out, {record.request_id}\n"
            )
        self._add(line.encode())

    def _add(self, line: bytes) -> None:
        if self._size + len(line) > MAX_BYTES:
            self.flush()
        if not self._lines:
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)
        self._lines.append(line)
        self._size += len(line)

    def flush(self) -> None:
        """Write what is waiting, or drop it where there is no room."""
        if self._lines:
            with suppress(
                OSError
            ):  # a log that nobody takes must not fail a request, nor hold it up
                if select.select([], [sys.stderr.fileno()], [], 0)[1]:
                    os.write(sys.stderr.fileno(), b"".join(self._lines))
            self._lines.clear()
            self._size = 0
