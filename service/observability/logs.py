"""The log on standard error: one line per event, as text on a terminal, else as JSON.

Events go through ``logging``. That would cost too much for a line per request, so
``AccessLog`` writes these itself.
"""

import asyncio
import json
import logging
import os
import select
import stat
import sys
import time
from datetime import UTC, datetime
from threading import Lock
from typing import Literal, Protocol

from typing_extensions import override

Format = Literal["text", "json"]
FLUSH_SECONDS = 0.1
# A pipe never splits writes of this size nor mixes them with others' (PIPE_BUF).
MAX_WRITE_BYTES = 4096


class LogWriter:
    """Standard error, written to without ever waiting for its reader.

    Content is dropped where there is no room for it: a log that nobody reads must stop
    neither a worker nor the process that supervises them.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = open_nonblocking(descriptor)
        self._lock = Lock()
        self._rest = b""  # of content that was written in part

    def write(self, content: bytes) -> None:
        """Write whole lines, or drop them."""
        with self._lock:
            self._rest = self._write(self._rest)
            if not self._rest:
                rest = self._write(content)
                was_written = len(rest) < len(content)
                self._rest = rest if was_written else b""

    def _write(self, content: bytes) -> bytes:
        """Write as much as there is room for; return the rest."""
        if not content:
            return b""
        try:
            _, writable, _ = select.select([], [self._descriptor], [], 0)
            count = os.write(self._descriptor, content) if writable else 0
        except OSError:  # no room after all, or nobody holds the other end
            count = 0
        return content[count:]


def open_nonblocking(descriptor: int) -> int:
    """Return a descriptor of the same pipe or terminal whose writes never block.

    Two processes may both find room in a pipe that has it for one of them; the other
    would wait. The flag cannot be set on the descriptor itself, which other programs
    share. Return the descriptor itself where it cannot be opened again, and for files
    and sockets, which have room for a line if they have any.
    """
    mode = os.fstat(descriptor).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)):
        return descriptor
    flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY
    try:
        return os.open(f"/dev/fd/{descriptor}", flags)
    except OSError:  # another user's, or not supported
        return descriptor


class EventHandler(logging.Handler):
    """Handler that writes events to a ``LogWriter``."""

    def __init__(self, writer: LogWriter) -> None:
        super().__init__()
        self._writer = writer

    @override
    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = f"{self.format(record)}\n"
            self._writer.write(line.encode())
        except Exception:  # noqa: BLE001 - logging's rule: an event never fails its cause
            self.handleError(record)


def configure(log_format: Literal["auto", "text", "json"], writer: LogWriter) -> Format:
    """Send all events to the writer; return the format that ``auto`` stands for."""
    if log_format == "auto":
        log_format = "text" if sys.stderr.isatty() else "json"
    handler = EventHandler(writer)
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

    def __init__(self, log_format: Format, writer: LogWriter) -> None:
        self._format = log_format
        self._writer = writer
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
        """Write the waiting lines."""
        if not self._lines:
            return
        content = b"".join(self._lines)
        self._lines.clear()
        self._size = 0
        self._writer.write(content)
