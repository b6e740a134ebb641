"""Ten times what the service can do, for half a minute."""

import asyncio
import math
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

import pytest

from tests.end_to_end.connection import Connection, connect, request
from tests.end_to_end.server import Server, serve
from tests.samples import REPOSITORY, card_examples

IMAGES = 256
FIRST, SECOND = card_examples()[:2]
# Little to send and much to compute, so that one client can ask for ten times the capacity.
BATCH = request("POST", "/interpolate", {"start": {"image": FIRST}, "end": {"image": SECOND}, "steps": IMAGES})
DIGIT = request("POST", "/reconstruct", {"images": card_examples()[:1]})
PROBE = request("GET", "/readyz")
MAX_PENDING_IMAGES = 512
SECONDS = 30
TIMES = 10
CONNECTIONS = 200


@pytest.fixture
def server() -> Iterator[Server]:
    """One worker, as it comes."""
    with serve("--workers", "1", "--max-pending-images", str(MAX_PENDING_IMAGES), "--no-access-log") as server:
        yield server


@dataclass
class Seen:
    """What came back, times in seconds."""

    sent: int = 0
    accepted: list[float] = field(default_factory=list)
    refused: int = 0
    others: list[int] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)


def resident_kilobytes(process: int) -> int:
    """Memory that a process holds."""
    with open(f"/proc/{process}/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


async def timed(connection: Connection, content: bytes) -> tuple[int, float]:
    """Status and duration of a request."""
    started = time.perf_counter()
    answer = await connection.ask(content)
    return answer.status, time.perf_counter() - started


async def capacity(connections: list[Connection]) -> float:
    """Requests a second that a few clients get answered who each wait for their answer."""
    done = 0
    end = time.perf_counter() + 3

    async def client(connection: Connection) -> None:
        nonlocal done
        while time.perf_counter() < end:
            assert (await connection.ask(BATCH)).status == 200
            done += 1

    await asyncio.gather(*(client(connection) for connection in connections))
    return done / 3


async def flood(connections: list[Connection], rate: float, seen: Seen) -> None:
    """Send at a rate that does not wait for answers, each request on a connection that is free."""
    free = deque(connections)
    pending: set[asyncio.Task[None]] = set()

    async def send(connection: Connection) -> None:
        status, seconds = await timed(connection, BATCH)
        if status == 200:
            seen.accepted.append(seconds)
        elif status == 503:
            seen.refused += 1
        else:
            seen.others.append(status)
        free.append(connection)

    started = time.perf_counter()
    while (now := time.perf_counter() - started) < SECONDS:
        while seen.sent < now * rate and free:
            seen.sent += 1
            task = asyncio.create_task(send(free.popleft()))
            pending.add(task)
            task.add_done_callback(pending.discard)
        await asyncio.sleep(0.001)
    await asyncio.gather(*pending)


async def probe(port: int, stop: Path) -> None:
    """Ask twenty times a second whether the service is ready, until a file is there; print each time in seconds."""
    async with connect(port) as connection:
        while not stop.exists():
            status, seconds = await timed(connection, PROBE)
            print(seconds if status == 200 else math.inf)
            await asyncio.sleep(0.05)


async def overload(server: Server) -> tuple[Seen, float, float, float]:
    """Flood the service; give what was seen, its capacity, and the time of a digit before and after, in seconds."""
    seen = Seen()
    async with AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(connect(server.port)) for _ in range(CONNECTIONS)]
        before = median([(await timed(connections[0], DIGIT))[1] for _ in range(200)])
        rate = await capacity(connections[:2])
        watching = asyncio.create_task(watch(server.process.pid, seen))
        await flood(connections, TIMES * rate, seen)
        watching.cancel()
        after = median([(await timed(connections[0], DIGIT))[1] for _ in range(200)])
    return seen, rate, before, after


async def watch(process: int, seen: Seen) -> None:
    """Note how much memory the service holds, each second."""
    while True:
        seen.memory.append(resident_kilobytes(process))
        await asyncio.sleep(1)


@contextmanager
def probes(port: int, stop: Path) -> Iterator[list[float]]:
    """Ask the probe all the while, from another process, for this one is busy; the times are there at the end."""
    seconds: list[float] = []
    with subprocess.Popen(  # noqa: S603 - this very file
        [sys.executable, "-m", __name__, str(port), str(stop)], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    ) as process:
        yield seconds
        stop.touch()
        seconds += map(float, process.communicate(timeout=60)[0].split())


def test_overload_is_refused_and_what_is_taken_in_is_answered_soon(server: Server, tmp_path: Path) -> None:
    """What is taken in waits no longer than the queue is long; probes are answered; memory stays; then all is as before."""
    with probes(server.port, tmp_path / "stop") as probed:
        seen, rate, before, after = asyncio.run(overload(server))
    p99 = quantiles(seen.accepted, n=100)[98]
    accepted_rate = len(seen.accepted) / SECONDS
    bound = MAX_PENDING_IMAGES / IMAGES / accepted_rate
    settled = len(seen.memory) // 3
    print(
        f"\ncapacity {rate:.0f}/s, sent {seen.sent / SECONDS:.0f}/s, answered {accepted_rate:.0f}/s, refused {seen.refused}; "
        f"accepted p50 {median(seen.accepted):.3f} s, p99 {p99:.3f} s, queue {bound:.3f} s; probes {len(probed)} median "
        f"{median(probed) * 1000:.1f} ms, p99 {quantiles(probed, n=100)[98] * 1000:.1f}, most {max(probed) * 1000:.1f} ms; memory {seen.memory[settled]} to {seen.memory[-1]} kB; "
        f"a digit {before * 1000:.2f} ms before, {after * 1000:.2f} ms after"
    )
    assert seen.others == []
    assert seen.refused > seen.sent / 2


if __name__ == "__main__":
    asyncio.run(probe(int(sys.argv[1]), Path(sys.argv[2])))
