"""Overload: ten times the capacity, for half a minute."""

import asyncio
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from statistics import median, quantiles

import pytest

from tests.end_to_end.connection import Connection, connect, request
from tests.end_to_end.server import Server, resident_kilobytes, serve
from tests.samples import REPOSITORY, card_examples

IMAGES = 256
FIRST, SECOND = card_examples()[:2]
# Small to send and costly to compute: one client can ask for ten times the capacity.
LARGE = request(
    "POST",
    "/interpolate",
    {"start": {"image": FIRST}, "end": {"image": SECOND}, "steps": IMAGES},
)
DIGIT = request("POST", "/reconstruct", {"images": [FIRST]})
# Two requests; an eighth is kept for light jobs.
MAX_PENDING_IMAGES = 2 * IMAGES * 8 // 7 + 1
SECONDS = 30
TIMES = 10
CONNECTIONS = 200


@dataclass
class Seen:
    """Measurements; times in seconds, memory in kB."""

    before: float = 0
    after: float = 0
    capacity: float = 0
    sent: int = 0
    accepted: list[float] = field(default_factory=list)
    refused: int = 0
    others: list[int] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    """Service with one worker."""
    with serve(
        "--workers", "1", "--max-pending-images", str(MAX_PENDING_IMAGES)
    ) as server:
        yield server


def test_overload_is_rejected_and_admitted_requests_are_answered_soon(
    server: Server,
) -> None:
    """Admitted requests wait about as long as the queue; probes, memory and speed hold."""
    with probes(server.port) as lines:
        seen = asyncio.run(overload(server))
    probed, late = zip(*(map(float, line.split()) for line in lines), strict=True)
    noise = percentile(late)  # of the machine
    accepted_rate = len(seen.accepted) / SECONDS
    queue = (
        MAX_PENDING_IMAGES / IMAGES / accepted_rate
    )  # time to answer a full queue (Little's law)
    figures = (
        f"{seen.capacity:.0f} requests/s at most, {seen.sent / SECONDS:.0f} sent, {accepted_rate:.0f} answered; "
        f"accepted p50 {median(seen.accepted):.3f} s, p99 {percentile(seen.accepted):.3f} s, queue {queue:.3f} s; "
        f"probes p50 {median(probed):.4f} s, p99 {percentile(probed):.4f} s, most {max(probed):.4f} s; "
        f"the machine late by {noise:.4f} s; "
        f"memory {seen.memory[5]} kB to {seen.memory[-1]} kB; a digit {seen.before:.5f} s, then {seen.after:.5f} s"
    )
    assert seen.others == [], figures
    assert seen.refused > 0, figures
    assert seen.sent > 0.7 * TIMES * seen.capacity * SECONDS, (
        figures
    )  # the machine can make the load
    assert accepted_rate > seen.capacity / 5, figures
    assert percentile(seen.accepted) < 4 * queue + 3 * noise, figures
    assert percentile(probed) < 0.1 + noise, figures
    assert seen.memory[-1] < 1.02 * seen.memory[5], figures
    assert seen.after < 3 * seen.before, figures
    sys.stdout.write(f"{figures}\n")


def percentile(seconds: Sequence[float]) -> float:
    """Return the 99th percentile."""
    return quantiles(seconds, n=100)[98]


@contextmanager
def probes(port: int) -> Iterator[list[str]]:
    """Run the probe meanwhile; its output lines are in the list in the end."""
    lines: list[str] = []
    with subprocess.Popen(
        [sys.executable, "-m", "tests.endurance.probe", str(port)],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield lines
        lines += process.communicate(timeout=60)[0].splitlines()


async def overload(server: Server) -> Seen:
    """Measure capacity, flood the service, measure latency before and after."""
    seen = Seen()
    async with AsyncExitStack() as stack:
        connections = [
            await stack.enter_async_context(connect(server.port))
            for _ in range(CONNECTIONS)
        ]
        seen.before = await digit_seconds(connections[0])
        seen.capacity = await capacity(connections[: MAX_PENDING_IMAGES // IMAGES])
        watching = asyncio.create_task(watch(server.process.pid, seen))
        await flood(connections, seen)
        watching.cancel()
        seen.after = await digit_seconds(connections[0])
    return seen


async def digit_seconds(connection: Connection) -> float:
    """Return the median time of a request for one digit."""
    return median([(await timed(connection, DIGIT))[1] for _ in range(200)])


async def timed(connection: Connection, content: bytes) -> tuple[int, float]:
    """Return status and duration of a request."""
    started = time.perf_counter()
    response = await connection.exchange(content)
    return response.status, time.perf_counter() - started


async def capacity(connections: list[Connection]) -> float:
    """Return the rate of responses with as many requests as are admitted at once."""
    seconds = 3
    answered = 0
    end = time.perf_counter() + seconds

    async def client(connection: Connection) -> None:
        nonlocal answered
        while time.perf_counter() < end:
            assert (await connection.exchange(LARGE)).status == 200
            answered += 1

    await asyncio.gather(*(client(connection) for connection in connections))
    return answered / seconds


async def flood(connections: list[Connection], seen: Seen) -> None:
    """Send at a fixed rate (an open loop), each request on a free connection."""
    free = deque(connections)
    rate = TIMES * seen.capacity

    async def send(connection: Connection) -> None:
        status, seconds = await timed(connection, LARGE)
        if status == 200:
            seen.accepted.append(seconds)
        elif status == 503:
            seen.refused += 1
        else:
            seen.others.append(status)
        free.append(connection)

    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        while (passed := time.perf_counter() - started) < SECONDS:
            while seen.sent < passed * rate and free:
                seen.sent += 1
                group.create_task(send(free.popleft()))
            await asyncio.sleep(0.001)


async def watch(process: int, seen: Seen) -> None:
    """Record the resident memory of the service each second."""
    while True:
        seen.memory.append(resident_kilobytes(process))
        await asyncio.sleep(1)
