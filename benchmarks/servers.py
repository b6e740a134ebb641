"""The servers that are compared: each a real process on a core of its own, driven by wrk on another."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.workload import Workload

SERVER_CORE, LOAD_CORE = 0, 1
CONNECTIONS = 16
SETTLING_SECONDS = 0.4  # wrk leaves as many requests unanswered; of 64 digits, a slow server works 0.2 s on them
ONE_THREAD = "textbook, one thread"
ENVIRONMENTS = Path(".venv-rivals")


@dataclass(frozen=True, slots=True)
class Server:
    """A command that takes a port, and the one path that it serves if it does not serve all."""

    command: list[str]
    only: str | None = None


def servers() -> dict[str, Server]:
    """The service, its alternatives, and the frameworks whose environments were made (``make bench-rivals``)."""
    textbook = [sys.executable, "-m", "benchmarks.textbook_service"]
    here = {
        "vae-service": service(),
        "textbook": Server(["env", "TEXTBOOK_THREADS=0", *textbook]),
        ONE_THREAD: Server(textbook),
        "bare ASGI": Server([sys.executable, "-m", "benchmarks.bare_asgi"]),
    }
    rivals = {
        "MLServer": ["python", "-m", "benchmarks.rivals.mlserver_service"],
        "LitServe": ["python", "-m", "benchmarks.rivals.litserve_service"],
        "BentoML": [
            "bentoml",
            "serve",
            "benchmarks.rivals.bentoml_service:Textbook",
            "--port",
        ],
    }
    for name, (program, *arguments) in rivals.items():
        binary = ENVIRONMENTS / name.lower() / "bin" / program
        if binary.exists():
            here[name] = Server([str(binary), *arguments], only="/reconstruct")
    return here


def service(*flags: str) -> Server:
    """The service with flags of its own."""
    return Server([sys.executable, "-m", "service", *flags, "--port"])


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers: where, since when (monotonic seconds), and all its processes."""

    url: str
    ready_at: float
    session: int

    def processes(self) -> Iterator[Path]:
        """The folder under /proc of each process of the server."""
        for status in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):  # it ended meanwhile
                if (
                    int(status.read_text().rpartition(")")[2].split()[3])
                    == self.session
                ):
                    yield status.parent

    def pin(self, core: int) -> None:
        """Keep each thread to one core: ONNX Runtime gives those it makes by default a core each, past taskset."""
        for process in self.processes():
            for thread in (process / "task").iterdir():
                os.sched_setaffinity(int(thread.name), {core})

    def cpu_seconds(self) -> float:
        """Processor time that the server has taken so far."""
        ticks = [
            sum(map(int, (part / "stat").read_text().rpartition(")")[2].split()[11:13]))
            for part in self.processes()
        ]
        return sum(ticks) / os.sysconf("SC_CLK_TCK")

    def resident_kilobytes(self) -> int:
        """Memory that the server holds."""
        return sum(
            int((part / "status").read_text().partition("VmRSS:")[2].split()[0])
            for part in self.processes()
        )


@contextmanager
def running(
    server: Server, probe: Workload, key: str = "", core: int | None = SERVER_CORE
) -> Iterator[Running]:
    """Start a server on a free port, pinned to its core if it has one; end it when it is no longer needed.

    key: the API key that the server asks for.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    pinned = ["taskset", "-c", str(core)] if core is not None else []
    process = subprocess.Popen(  # noqa: S603 - a command of this file
        [*pinned, *server.command, str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 90
        while not answers(url, probe, key):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{' '.join(server.command)} does not answer")
            time.sleep(0.01)
        started = Running(url, time.monotonic(), process.pid)
        if core is not None:
            started.pin(core)
        yield started
    finally:
        with suppress(ProcessLookupError):  # it has ended
            os.killpg(
                process.pid, signal.SIGTERM
            )  # its own session: whatever processes it started
        process.wait(timeout=30)


def answers(url: str, probe: Workload, key: str = "") -> bool:
    """Tell whether a server does its work."""
    try:
        return post(url + probe.path, probe.bodies[0], key).is_success
    except httpx.TransportError:
        return False


def post(url: str, body: str, key: str = "") -> httpx.Response:
    """Send a JSON body."""
    return httpx.post(
        url,
        content=body,
        headers={"Content-Type": "application/json", "X-API-Key": key},
        timeout=30,
    )


def drive(
    url: str,
    workload: Workload,
    seconds: float,
    connections: int = CONNECTIONS,
    key: str = "",
) -> float:
    """Run wrk for so long; give the requests a second. Raises RuntimeError when any failed or was refused."""
    requests, took = load(url, workload, seconds, connections, key)
    return requests / took


def load(
    url: str, workload: Workload, seconds: float, connections: int, key: str = ""
) -> tuple[int, float]:
    """The same; give the number of requests, and the seconds that they took together."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as bodies:
        bodies.write("\n".join(workload.bodies) + "\n")
        bodies.flush()
        script = Path(__file__).with_name("rotate.lua")
        wrk = [
            "wrk",
            "-t1",
            f"-c{connections}",
            f"-d{seconds}s",
            "-s",
            str(script),
            f"{url}{workload.path}",
        ]
        command = ["taskset", "-c", str(LOAD_CORE), *wrk, "--", bodies.name, key]
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - as above
    time.sleep(SETTLING_SECONDS)
    result = json.loads(done.stdout.splitlines()[-1])
    if result["failed"] or not result["requests"]:
        raise RuntimeError(f"{url}{workload.path}: {result['failed']} requests failed")
    return result["requests"], result["microseconds"] / 1e6
