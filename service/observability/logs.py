"""The log on standard error: one line per event, as text on a terminal, else as JSON.

Events go through ``logging``. That would cost too much for a line per request, so
``AccessLog`` writes these itself.
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

from typing_extensions import override

Format = Literal["text", "json"]
FLUSH_SECONDS = 0.1
# A pipe never interleaves writes of this size with another process's (PIPE_BUF).
MAX_WRITE_BYTES = 4096


def configure(log_format: Literal["auto", "text", "json"]) -> Format:
    """Send all events to standard error; return the format that ``auto`` stands for."""
    if log_format == "auto":
        log_format = "text" if sys.stderr.isatty() else "json"
    handler = logging.StreamHandler()
    if log_format == "text":
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    else:
        handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # The service itself logs starts and invalid requests.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    return log_format


class JsonFormatter(logging.Formatter):
    """One line of JSON per event."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        event = {
            "time": timestamp(record.created),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        return json.dumps(event)


def timestamp(seconds: float) -> str:
    """Return seconds since 1970 as RFC 3339, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


class RequestRecord(Protocol):
    """Fields of a request that are logged."""

    request_id: str
    status: int
    images: int
    bytes_in: int
    bytes_out: int


class AccessLog:
    """One line per request, several lines to a write."""

    def __init__(self, log_format: Format) -> None:
        self._format = log_format
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
        """Log one request. No text is escaped: all of it must be plain."""
        if self._format == "json":
            line = (
                f'{{"time": "{self._timestamp()}", "level": "info", '
                f'"message": "request", "request_id": "{record.request_id}", '
                f'"client": "{client}", "method": "{method}", "route": "{route}", '
                f'"status": {record.status}, "milliseconds": {seconds * 1000:.3f}, '
                f'"images": {record.images}, "bytes_in": {record.bytes_in}, '
                f'"bytes_out": {record.bytes_out}}}\n'
            )
        else:
            line = (
                f"{time.strftime('%H:%M:%S')} {client} {method} {route} "
                f"{record.status} {seconds * 1000:.2f} ms, {record.images} images, "
                f"{record.bytes_in} B in, {record.bytes_out} B out, "
                f"{record.request_id}\n"
            )
        self._add(line.encode())

    def _timestamp(self) -> str:
        """Return the current time as RFC 3339; format each second only once."""
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second = second
            self._clock = timestamp(second)[:19]
        milliseconds = int(now % 1 * 1000)
        return f"{self._clock}.{milliseconds:03}+00:00"

    def _add(self, line: bytes) -> None:
        if self._size + len(line) > MAX_WRITE_BYTES:
            self.flush()
        if not self._lines:
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)
        self._lines.append(line)
        self._size += len(line)

    def flush(self) -> None:
        """Write the waiting lines, or drop them if there is no room for them."""
        if not self._lines:
            return
        content = b"".join(self._lines)
        self._lines.clear()
        self._size = 0
        descriptor = sys.stderr.fileno()
        # A log that nobody reads must neither fail a request nor hold it up.
        with suppress(OSError):
            _, writable, _ = select.select([], [descriptor], [], 0)
            if writable:
                os.write(descriptor, content)
