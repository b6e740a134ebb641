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
    workload: Workload,
    key: str = "",
    index: int = 0,
) -> httpx.Response:
    """Send one body of a workload, with an API key."""
    headers = {"Content-Type": "application/json", "X-API-Key": key}
    if workload.json_bytes is not None:
        headers["Content-Type"] = "application/octet-stream"
        headers["Inference-Header-Content-Length"] = f"{workload.json_bytes}"
    return httpx.post(
        url + workload.path,
        content=workload.bodies[index],
        headers=headers,
        timeout=30,
    )


def measure_rate(
    url: str,
    workload: Workload,
    seconds: float,
    connections: int = CONNECTIONS,
    key: str = "",
) -> float:
    """Run wrk and return the requests per second. Raise RuntimeError as ``run_wrk``."""
    requests, duration = run_wrk(url, workload, seconds, connections, key)
    return requests / duration


def run_wrk(
    url: str,
    workload: Workload,
    seconds: float,
    connections: int,
    key: str = "",
) -> tuple[int, float]:
    """Run wrk on a workload; return the requests and the duration in seconds.

    Raise RuntimeError if a request failed or was rejected.
    """
    target = url + workload.path
    command = ["taskset", "-c", str(LOAD_CORE)]
    command += ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s"]
    with tempfile.NamedTemporaryFile(suffix=".bodies") as bodies:
        for body in workload.bodies:
            bodies.write(b"%d\n%s" % (len(body), body))
        bodies.flush()
        command += ["-s", str(SCRIPT), target, "--", bodies.name, key]
        if workload.json_bytes is not None:
            command.append(f"{workload.json_bytes}")
        output = run(command)
    time.sleep(SETTLING_SECONDS)
    result = json.loads(output.splitlines()[-1])
    if result["failed"] or not result["requests"]:
        raise RuntimeError(f"{target}: {result['failed']} requests failed")
    return result["requests"], result["microseconds"] / 1e6


def run(command: list[str], folder: Path | None = None) -> str:
    """Run a command in a folder, and return its output.

    Raise CalledProcessError if it fails.
    """
    done = subprocess.run(  # noqa: S603 - commands of this package
        command,
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
    )
    return done.stdout
