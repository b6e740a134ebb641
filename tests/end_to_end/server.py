"""A real server process on a free port."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Condition, Thread
from typing import Any

import httpx

from tests.samples import REPOSITORY

COMMAND = [sys.executable, "-m", "service"]
START_SECONDS = 60


@dataclass
class Log:
    """Standard error of a process; a thread reads it, so that writing never blocks."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    ended: bool = False
    changed: Condition = field(default_factory=Condition)

    def __post_init__(self) -> None:
        self.reader = Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self.changed:
                self.lines.append(line)
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def wait_for(self, pattern: str, seconds: float = START_SECONDS) -> re.Match[str]:
        """Wait for a line that matches, and return the first match."""
        with self.changed:
            self.changed.wait_for(lambda: self.ended or self._find(pattern), seconds)
            found = self._find(pattern)
            assert found, f"{pattern} is not in the log:\n{''.join(self.lines)}"
            return found

    def _find(self, pattern: str) -> re.Match[str] | None:
        for line in self.lines:
            if found := re.search(pattern, line):
                return found
        return None


@dataclass
class UnloggedServer:
    """A running service and its URL."""

    process: "subprocess.Popen[Any]"
    url: str

    @property
    def port(self) -> int:
        """TCP port."""
        return int(self.url.rpartition(":")[2])

    def client(self, **options: object) -> httpx.Client:
        """Return an HTTP client of the service."""
        return httpx.Client(base_url=self.url, timeout=30, **options)  # type: ignore[arg-type]  # httpx's own

    def metric(self, series: str) -> float:
        """Return the value of a metric, such as ``name{label="value"}``."""
        with self.client() as client:
            lines = client.get("/metrics").text.splitlines()
        (value,) = [line.split()[-1] for line in lines if line.startswith(f"{series} ")]
        return float(value)

    def wait_until_ready(self) -> None:
        """Wait until /readyz is 200."""
        end = time.monotonic() + START_SECONDS
        while not self._is_ready():
            assert self.process.poll() is None
            assert time.monotonic() < end

    def _is_ready(self) -> bool:
        try:
            with self.client() as client:
                return client.get("/readyz").status_code == 200
        except httpx.TransportError:
            time.sleep(0.05)
            return False

    def workers(self) -> list[int]:
        """Return the process ids of its workers."""
        main_thread = f"/proc/{self.process.pid}/task/{self.process.pid}"
        children = Path(main_thread, "children").read_text()
        return [int(number) for number in children.split()]


@dataclass
class Server(UnloggedServer):
    """A running service whose log is read."""

    log: Log


@contextmanager
def serve(
    *flags: str, through: Sequence[str] = (), **variables: str
) -> Iterator[Server]:
    """Start the service on a free port, wait until it listens, stop it in the end.

    through: a command that becomes the service, whose command line is its last
        arguments.
    """
    command = [*through, *COMMAND, *flags]
    if "--port" not in flags:
        command += ["--port", "0"]
    with subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env={**os.environ, **variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        log = Log(process)
        try:
            url = log.wait_for(r"http://[0-9.:\[\]]+:\d+")[0]
            yield Server(process, url, log)
        finally:
            process.terminate()
            process.wait(timeout=60)
            log.reader.join(timeout=60)


@contextmanager
def serve_without_log(
    *command: str, stderr: int | None = None, **variables: str
) -> Iterator[UnloggedServer]:
    """Start a service with two workers whose log is not read; stop it in the end.

    stderr: a file descriptor to log to.
    """
    (port,) = free_ports(1)
    with subprocess.Popen(
        [*command, "--port", str(port), "--workers", "2"],
        cwd=REPOSITORY,
        env={**os.environ, **variables},
        stderr=stderr,
    ) as process:
        server = UnloggedServer(process, f"http://127.0.0.1:{port}")
        try:
            server.wait_until_ready()
            yield server
        finally:
            process.terminate()
            assert process.wait(timeout=30) == 0


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on."""
    with ExitStack() as stack:
        sockets = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            for _ in range(count)
        ]
        return [listener.getsockname()[1] for listener in sockets]


def resident_kilobytes(process: int) -> int:
    """Return the resident memory of a process in kB."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])
