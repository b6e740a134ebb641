"""The servers that are compared: each a real process on a core of its own, driven by wrk on another."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.workload import Workload

SERVER_CORE, LOAD_CORE = 0, 1
CONNECTIONS = 16
COMMANDS = {
    "vae-service": [sys.executable, "-m", "service", "--port"],
    "textbook": [sys.executable, "-m", "benchmarks.textbook_service"],
    "bare ASGI": [sys.executable, "-m", "benchmarks.bare_asgi"],
}


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk saw: requests a second and latencies in microseconds."""

    rate: float
    p50: float
    p99: float
    p999: float


@contextmanager
def running(command: list[str]) -> Iterator[str]:
    """Start a server on a free port, pinned to its core; give its address once it answers; end it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(  # noqa: S603 - a command of this file
        [*command, str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CORE}),  # noqa: PLW1509 - one thread, nothing held
    )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while not answers(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{' '.join(command)} does not answer")
            time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=30)


def answers(url: str) -> bool:
    """Tell whether something listens."""
    try:
        httpx.get(f"{url}/docs", timeout=1)
    except httpx.TransportError:
        return False
    return True


def drive(url: str, workload: Workload, seconds: float) -> Load:
    """Run wrk for so long. Raises RuntimeError when any answer is not of status 2xx."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as bodies:
        bodies.write("\n".join(workload.bodies) + "\n")
        bodies.flush()
        script = Path(__file__).with_name("rotate.lua")
        wrk = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(script), f"{url}{workload.path}"]
        command = ["taskset", "-c", str(LOAD_CORE), *wrk, "--", bodies.name]
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - as above
    result = json.loads(done.stdout.splitlines()[-1])
    if result["failed"] or not result["requests"]:
        raise RuntimeError(f"{url}{workload.path}: {result['failed']} requests failed")
    return Load(result["requests"] / result["microseconds"] * 1e6, result["p50"], result["p99"], result["p999"])
