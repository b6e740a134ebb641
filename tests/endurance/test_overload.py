"""Overload: ten times the capacity, for half a minute."""

import asyncio
import math
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from statistics import median, quantiles

import pytest

from tests.end_to_end.connection import Connection, connect
from tests.end_to_end.server import Server, resident_kilobytes, serve
from tests.endurance.models import LoadedModel
from tests.samples import REPOSITORY

AT_ONCE = 2  # large requests that are admitted
SECONDS = 30
TIMES = 10
CONNECTIONS = 200
RETRYING = 600  # connections
HAMMER_SECONDS = 4


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
def server(model: LoadedModel) -> Iterator[Server]:
    """Service with one worker and a short queue."""
    seconds = str(model.queue_seconds)
    with serve(*model.flags, "--max-queue-seconds", seconds) as server:
        yield server


def test_overload_is_rejected_and_admitted_requests_are_answered_soon(
    model: LoadedModel, server: Server
) -> None:
    """Admitted requests wait about as long as the queue; probes, memory and speed hold.

    Small requests are neither rejected nor held up by the large ones.
    """
    with probes(server.port, model.small) as lines:
        seen = asyncio.run(overload(model, server))
    probed, small, late = zip(
        *(map(float, line.split()) for line in lines), strict=True
    )
    noise = percentile(late)  # of the machine
    accepted_rate = len(seen.accepted) / SECONDS
    queue = AT_ONCE / accepted_rate  # time to answer a full queue (Little's law)
    figures = (
        f"{seen.capacity:.0f} requests/s at most, {seen.sent / SECONDS:.0f} sent, "
        f"{accepted_rate:.0f} answered; "
        f"accepted p50 {median(seen.accepted):.3f} s, "
        f"p99 {percentile(seen.accepted):.3f} s, queue {queue:.3f} s; "
        f"probes p50 {median(probed):.4f} s, p99 {percentile(probed):.4f} s, "
        f"most {max(probed):.4f} s; "
        f"small requests p50 {median(small):.4f} s, p99 {percentile(small):.4f} s; "
        f"the machine late by {noise:.4f} s; "
        f"memory {seen.memory[5]} kB to {seen.memory[-1]} kB; "
        f"a small request {seen.before:.5f} s, then {seen.after:.5f} s"
    )
    assert seen.others == [], figures
    assert seen.refused > 0, figures
    # The machine can make the load.
    assert seen.sent > 0.7 * TIMES * seen.capacity * SECONDS, figures
    assert accepted_rate > seen.capacity / 5, figures
    assert percentile(seen.accepted) < 4 * queue + 3 * noise, figures
    assert percentile(probed) < 0.1 + noise, figures
    assert math.inf not in small, figures  # none was rejected
    assert median(small) < 0.05 + noise, figures
    assert seen.memory[-1] < 1.02 * seen.memory[5], figures
    assert seen.after < 3 * seen.before, figures
    sys.stdout.write(f"{figures}\n")


def test_clients_that_retry_at_once_leave_time_for_requests(model: LoadedModel) -> None:
    """Their rejections take a small part of the processor, however many they are."""
    with serve(*model.flags) as server:
        alone, _ = asyncio.run(hammer(server, model.large, connections=AT_ONCE))
        answered, rejected = asyncio.run(
            hammer(server, model.large, connections=RETRYING)
        )
    figures = (
        f"{alone:.0f} requests/s answered to {AT_ONCE} clients, {answered:.0f} to "
        f"{RETRYING}; {rejected:.0f} rejected"
    )
    assert rejected > 100, figures
    assert answered > alone / 2, figures
    sys.stdout.write(f"{figures}\n")


async def hammer(
    server: Server, content: bytes, connections: int
) -> tuple[float, float]:
    """Send a request on each connection whenever the one before it is answered.

    Return the rates of responses and of rejections.
    """
    statuses: Counter[int] = Counter()
    end = time.perf_counter() + HAMMER_SECONDS

    async def client(connection: Connection) -> None:
        while time.perf_counter() < end:
            statuses[(await connection.exchange(content)).status] += 1

    async with AsyncExitStack() as stack:
        clients = [
            client(await stack.enter_async_context(connect(server.port)))
            for _ in range(connections)
        ]
        await asyncio.gather(*clients)
    assert set(statuses) <= {200, 503}
    return statuses[200] / HAMMER_SECONDS, statuses[503] / HAMMER_SECONDS


def percentile(seconds: Sequence[float]) -> float:
    """Return the 99th percentile."""
    return quantiles(seconds, n=100)[98]


@contextmanager
def probes(port: int, small: bytes) -> Iterator[list[str]]:
    """Run the probe meanwhile; its output lines are in the list in the end.

    small: a request that it also sends.
    """
    lines: list[str] = []
    with subprocess.Popen(
        [sys.executable, "-m", "tests.endurance.probe", str(port), str(len(small))],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        process.stdin.write(small)
        process.stdin.flush()
        yield lines
        lines += process.communicate(timeout=60)[0].decode().splitlines()


async def overload(model: LoadedModel, server: Server) -> Seen:
    """Measure capacity, flood the service, measure latency before and after."""
    seen = Seen()
    async with AsyncExitStack() as stack:
        connections = [
            await stack.enter_async_context(connect(server.port))
            for _ in range(CONNECTIONS)
        ]
        seen.before = await small_seconds(connections[0], model.small)
        seen.capacity = await capacity(connections[:AT_ONCE], model.large)
        watching = asyncio.create_task(watch(server.process.pid, seen))
        await flood(connections, model.large, seen)
        watching.cancel()
        seen.after = await small_seconds(connections[0], model.small)
    return seen


async def small_seconds(connection: Connection, small: bytes) -> float:
    """Return the median time of a request for one image."""
    return median([(await timed(connection, small))[1] for _ in range(200)])


async def timed(connection: Connection, content: bytes) -> tuple[int, float]:
    """Return status and duration of a request."""
    started = time.perf_counter()
    response = await connection.exchange(content)
    return response.status, time.perf_counter() - started


async def capacity(connections: list[Connection], large: bytes) -> float:
    """Return the rate of responses with as many requests as are admitted at once."""
    seconds = 3
    answered = 0
    end = time.perf_counter() + seconds

    async def client(connection: Connection) -> None:
        nonlocal answered
        while time.perf_counter() < end:
            assert (await connection.exchange(large)).status == 200
            answered += 1

    await asyncio.gather(*(client(connection) for connection in connections))
    return answered / seconds


async def flood(connections: list[Connection], large: bytes, seen: Seen) -> None:
    """Send at a fixed rate (an open loop), each request on a free connection."""
    free = deque(connections)
    rate = TIMES * seen.capacity

    async def send(connection: Connection) -> None:
        status, seconds = await timed(connection, large)
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
