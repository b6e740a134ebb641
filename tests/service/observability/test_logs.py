"""The access log holds up nobody."""

import asyncio
import os
import threading

import pytest

from service.observability.logs import AccessLog
from service.observability.request_context import RequestContext


def test_a_log_that_nobody_reads_does_not_stop_the_service(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What finds no room in the pipe is dropped; what is written is whole lines."""
    reader, writer = os.pipe()

    class Stderr:
        def fileno(self) -> int:
            return writer

    async def log_much() -> None:
        log = AccessLog("json")
        for _ in range(2000):  # several times what a pipe holds
            log.write(
                RequestContext("id", status=200), "client", "GET", "/livez", 0.001
            )
        log.flush()

    monkeypatch.setattr("sys.stderr", Stderr())
    logging = threading.Thread(target=asyncio.run, args=(log_much(),), daemon=True)
    logging.start()
    logging.join(20)
    ended = not logging.is_alive()
    monkeypatch.undo()
    os.close(writer) if ended else os.close(reader)  # or it would never end

    assert ended
    with os.fdopen(reader, "rb") as content:
        lines = content.read().splitlines()
    assert 0 < len(lines) < 2000
    assert all(line.startswith(b"{") and line.endswith(b"}") for line in lines)
