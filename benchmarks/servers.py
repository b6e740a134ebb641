"""The compared servers, each a process with a core of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.load import post
from benchmarks.workload import Workload

SERVER_CORE = 0
START_SECONDS = 90
STOP_SECONDS = 30
IDLE_SECONDS = 0.2
MAX_BUSY_SECONDS = 5
ONE_THREAD = "textbook, one thread"
ENVIRONMENTS = Path(".venv-rivals")
RIVALS = {
    "MLServer": ["python", "-m", "benchmarks.rivals.mlserver_service"],
    "LitServe": ["python", "-m", "benchmarks.rivals.litserve_service"],
    "BentoML": [
        "bentoml",
        "serve",
        "benchmarks.rivals.bentoml_service:Textbook",
        "--port",
    ],
}
# Fields of /proc/PID/stat after the name, proc_pid_stat(5).
SESSION_FIELD = 3
TIME_FIELDS = slice(11, 13)


@dataclass(frozen=True, slots=True)
class Server:
    """A command that takes a port.

    only: the one path that it serves; None if it serves all.
    """

    command: list[str]
    only: str | None = None

    def serves(self, path: str) -> bool:
        """Return True if the server serves a path."""
        return self.only in {None, path}


def servers() -> dict[str, Server]:
    """Return the service and its alternatives by name.

    The frameworks are included if ``make bench-rivals`` made their environments.
    """
    textbook = [sys.executable, "-m", "benchmarks.textbook_service"]
    bare_asgi = [sys.executable, "-m", "benchmarks.bare_asgi"]
    compared = {
        "vae-service": service(),
        "textbook": Server(["env", "TEXTBOOK_THREADS=0", *textbook]),
        ONE_THREAD: Server(textbook),
        "bare ASGI": Server(bare_asgi),
    }
    for name, (program, *arguments) in RIVALS.items():
        binary = ENVIRONMENTS / name.lower() / "bin" / program
        if binary.exists():
            command = [str(binary), *arguments]
            compared[name] = Server(command, only="/reconstruct")
    return compared


def service(*flags: str) -> Server:
    """Return the service with the given flags."""
    return Server([sys.executable, "-m", "service", *flags, "--port"])


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that answers requests.

    ready_at: time of the first response, in monotonic seconds.
    session: the session id of all its processes.
    """

    url: str
    ready_at: float
    session: int

    def processes(self) -> Iterator[Path]:
        """Yield the folder under /proc of each of the server's processes."""
        for status in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):  # the process has ended meanwhile
                session = stat_fields(status)[SESSION_FIELD]
                if int(session) == self.session:
                    yield status.parent

    def pin(self, core: int) -> None:
        """Restrict each thread to one core.

        By default ONNX Runtime gives each of its threads a core of its own and so
        overrides taskset.
        """
        for process in self.processes():
            for thread in (process / "task").iterdir():
                os.sched_setaffinity(int(thread.name), {core})

    def cpu_seconds(self) -> float:
        """Return the processor time that the server has used so far."""
        ticks = 0
        for process in self.processes():
            fields = stat_fields(process / "stat")
            ticks += sum(map(int, fields[TIME_FIELDS]))
        return ticks / os.sysconf("SC_CLK_TCK")

    def wait_until_idle(self) -> None:
        """Wait until the server uses no processor time, but not for ever."""
        deadline = time.monotonic() + MAX_BUSY_SECONDS
        used = -1.0
        while used < (used := self.cpu_seconds()) and time.monotonic() < deadline:
            time.sleep(IDLE_SECONDS)

    def resident_kilobytes(self) -> int:
        """Return the server's resident memory."""
        kilobytes = 0
        for process in self.processes():
            status = (process / "status").read_text()
            value = status.partition("VmRSS:")[2].split()[0]
            kilobytes += int(value)
        return kilobytes


def stat_fields(path: Path) -> list[str]:
    """Return the fields of a /proc/PID/stat file after the name."""
    return path.read_text().rpartition(")")[2].split()


@contextmanager
def start(
    server: Server,
    probe: Workload,
    key: str = "",
    core: int | None = SERVER_CORE,
) -> Iterator[RunningServer]:
    """Start a server on a free port; stop it at the end of the context.

    Raise RuntimeError if it does not respond to the probe's first request in time.

    key: the API key that the server requires.
    core: the core that the server is pinned to; None for all cores.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = launch(server, port, core)
    try:
        wait_until_ready(process, url, probe, key)
        running = RunningServer(url, time.monotonic(), process.pid)
        if core is not None:
            running.pin(core)
        yield running
    finally:
        with suppress(ProcessLookupError):  # it has ended by itself
            # All processes of its session, whichever it has started.
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=STOP_SECONDS)


def launch(
    server: Server,
    port: int,
    core: int | None,
) -> subprocess.Popen[bytes]:
    """Start a server's process, in a session of its own."""
    command = []
    if core is not None:
        command += ["taskset", "-c", str(core)]
    command += server.command
    command.append(str(port))
    environment = os.environ | {"PYTHONPATH": str(Path.cwd())}
    return subprocess.Popen(  # noqa: S603 - commands of this file
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
    )


def free_port() -> int:
    """Return a TCP port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def wait_until_ready(
    process: subprocess.Popen[bytes],
    url: str,
    probe: Workload,
    key: str,
) -> None:
    """Wait for the first response. Raise RuntimeError if none comes in time."""
    deadline = time.monotonic() + START_SECONDS
    while not is_ready(url, probe, key):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{process.args!r} does not respond")
        time.sleep(0.01)


def is_ready(
    url: str,
    probe: Workload,
    key: str,
) -> bool:
    """Return True if a server responds to the probe's first request with success."""
    try:
        return post(url, probe, key).is_success
    except httpx.TransportError:
        return False
