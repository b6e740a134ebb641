"""Measure the latency of a model's requests while another model is saturated.

Run: python -m benchmarks.isolation. It needs wrk, and prints a table. Requests with one
digit are sent at a rate that leaves the service nearly idle.
"""

import shutil
import socket
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import typer

from benchmarks.latency import quantile
from benchmarks.load import run_wrk
from benchmarks.servers import RunningServer, service, start
from benchmarks.tables import Table
from benchmarks.workload import MODEL, Workload, reconstruct_workload

ROUNDS = 8
SECONDS = 4  # of requests alone, and beside the other model's, in each round
STARTING_SECONDS = 1  # of the load
REQUESTS_PER_SECOND = 200
CONVOLUTIONAL = Path("models/fashion-mnist")
QUANTILES = (0.5, 0.99)
MS = 1000
BUFFER_BYTES = 65_536

Times = list[float]


class Load(NamedTuple):
    """Requests that saturate a model."""

    name: str
    model: Path
    images: int
    connections: int


LOADS = (
    Load("1 digit over 64 connections", MODEL, 1, 64),
    Load("64 digits over 16 connections", MODEL, 64, 16),
    Load("1 image over 32 connections, convolutional", CONVOLUTIONAL, 1, 32),
)


def main() -> None:
    """Print the latency of one digit, alone and beside each load."""
    table = Table(
        "Latency beside a saturated model",
        f"`/reconstruct`, one digit, {REQUESTS_PER_SECOND} requests a second over one "
        f"connection; one worker; milliseconds, of {ROUNDS * SECONDS} s in turns. "
        "Last: requests a second of the other model.",
        ["the other model gets", "p50 alone", "p99", "p50 beside it", "p99", "rate"],
        [row(load) for load in LOADS],
    )
    typer.echo("\n".join(table.lines()))


def row(load: Load) -> list[str]:
    """Measure the latency alone and beside a load, in turns."""
    workload = reconstruct_workload(load.images)
    saturating = replace(workload, path=f"/models/busy{workload.path}")
    request = request_bytes(reconstruct_workload(1))
    alone: Times = []
    beside: Times = []
    rates = []
    with running(load.model) as server, ThreadPoolExecutor(1) as executor:
        seconds = SECONDS + 2 * STARTING_SECONDS
        for _ in range(ROUNDS):
            alone += latencies(server, request)
            requests = executor.submit(
                run_wrk, server.url, saturating, seconds, load.connections
            )
            time.sleep(STARTING_SECONDS)
            beside += latencies(server, request)
            count, duration = requests.result()
            rates.append(count / duration)
    times = [quantile(sorted(each), q) for each in (alone, beside) for q in QUANTILES]
    cells = [f"{MS * value:.2f}" for value in times]
    return [load.name, *cells, f"{statistics.median(rates):,.0f}"]


@contextmanager
def running(busy: Path) -> Iterator[RunningServer]:
    """Run the service with two models, of which one is called ``busy``."""
    with TemporaryDirectory() as folder:
        shutil.copytree(busy, Path(folder, "busy"))
        shutil.copytree(MODEL, Path(folder, "other"))
        flags = ["--models", folder, "--default-model", "other", "--workers", "1"]
        with start(service(*flags), reconstruct_workload(1), core=None) as server:
            yield server


def latencies(server: RunningServer, request: bytes) -> Times:
    """Return the latencies in seconds of requests at random times, one after another.

    Not by ``hey``, as in benchmarks.latency: it would share its core with wrk.
    """
    host, port = server.url.removeprefix("http://").split(":")
    times = []
    pauses = np.random.default_rng()
    end = time.perf_counter() + SECONDS
    with socket.create_connection((host, int(port))) as connection:
        exchange(connection, request)
        while time.perf_counter() < end:
            time.sleep(pauses.uniform(0, 2 / REQUESTS_PER_SECOND))
            started = time.perf_counter()
            exchange(connection, request)
            times.append(time.perf_counter() - started)
    return times


def exchange(connection: socket.socket, request: bytes) -> None:
    """Send a request and wait for its response.

    Raise RuntimeError unless it is a success.
    """
    connection.sendall(request)
    response = connection.recv(BUFFER_BYTES)  # it is sent in one piece
    if not response.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(response.decode(errors="replace"))


def request_bytes(workload: Workload) -> bytes:
    """Return the first request of a workload as it is sent."""
    body = workload.bodies[0]
    head = (
        f"POST {workload.path} HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


if __name__ == "__main__":
    typer.run(main)
