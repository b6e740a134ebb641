"""Load on a server: single requests, and wrk on a core of its own."""

import json
import subprocess
import tempfile
import time
from pathlib import Path

import httpx

from benchmarks.workload import Workload

LOAD_CORE = 1
CONNECTIONS = 16
# wrk leaves as many requests unanswered; of 64 digits, a slow server works 0.2 s on
# them.
SETTLING_SECONDS = 0.4
SCRIPT = Path(__file__).with_name("rotate.lua")


def post(
    url: str,
    body: str,
    key: str = "",
) -> httpx.Response:
    """Send a JSON body, with an API key."""
    return httpx.post(
        url,
        content=body,
        headers={"Content-Type": "application/json", "X-API-Key": key},
        timeout=30,
    )


def measure_rate(
    url: str,
    workload: Workload,
    seconds: float,
    connections: int = CONNECTIONS,
    key: str = "",
) -> float:
    """Run wrk and return the requests per second. Raise RuntimeError as ``run_script``."""
    requests, duration = run_wrk(url, workload, seconds, connections, key)
    return requests / duration


def run_wrk(
    url: str,
    workload: Workload,
    seconds: float,
    connections: int,
    key: str = "",
) -> tuple[int, float]:
    """Run wrk on a workload; return as ``run_script`` does."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as bodies:
        bodies.write("\n".join(workload.bodies) + "\n")
        bodies.flush()
        script = [str(SCRIPT), url + workload.path, "--", bodies.name, key]
        return run_script(script, seconds, connections)


def run_script(
    script: list[str],
    seconds: float,
    connections: int,
) -> tuple[int, float]:
    """Run wrk with a script; return the number of requests and the duration in seconds.

    script: its file, the URL, "--" and the script's arguments.

    Raise RuntimeError if a request failed or was rejected.
    """
    command = ["taskset", "-c", str(LOAD_CORE)]
    command += ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", *script]
    output = run(command)
    time.sleep(SETTLING_SECONDS)
    result = json.loads(output.splitlines()[-1])
    if result["failed"] or not result["requests"]:
        raise RuntimeError(f"{script[1]}: {result['failed']} requests failed")
    return result["requests"], result["microseconds"] / 1e6


def run(command: list[str]) -> str:
    """Run a command and return its output. Raise CalledProcessError if it fails."""
    done = subprocess.run(  # noqa: S603 - commands of this package
        command,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout
