"""Rolling restarts of two instances behind a reverse proxy, under load."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.end_to_end.connection import connect, request
from tests.end_to_end.load import Load
from tests.end_to_end.server import Server, free_ports, serve
from tests.endurance.proxies import run_haproxy, run_nginx
from tests.samples import card_examples

FIRST, SECOND = card_examples()[:2]
DIGIT = request("POST", "/reconstruct", {"images": [FIRST]})
# Small to send and costly to compute: connections wait to be accepted meanwhile.
WALK = request(
    "POST",
    "/interpolate",
    {"start": {"image": FIRST}, "end": {"image": SECOND}, "steps": 48},
)
SECONDS = 300
# All defaults: a connection for each request and no health checks; an instance that
# refuses a connection gets none for 10 s.
NGINX_SITE = """
upstream instances {{
    server 127.0.0.1:{first};
    server 127.0.0.1:{second};
}}
server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://instances; }}
}}
"""
NGINX_FAIL_SECONDS = 10
# A little longer than HAProxy needs to see that readiness fails.
HAPROXY_DRAIN = ("--drain-delay-seconds", "1")


@dataclass
class Instances:
    """A proxy's port and those of its two instances; ``wait`` for both to be in use."""

    port: int
    ports: list[int]
    flags: tuple[str, ...]
    wait: Callable[[], Awaitable[None]]


@contextmanager
def behind_haproxy(
    binary: str, folder: Path, options: str, workers: int
) -> Iterator[Instances]:
    """Run HAProxy in front of two instances."""
    ports = free_ports(2)
    addresses = [f"127.0.0.1:{port}" for port in ports]
    flags = ("--workers", str(workers), *HAPROXY_DRAIN)
    with run_haproxy(binary, folder, addresses, options=options) as proxy:
        yield Instances(proxy.port, ports, flags, lambda: proxy.wait_until_up(0, 1))


@contextmanager
def behind_nginx(binary: str, folder: Path, workers: int) -> Iterator[Instances]:
    """Run nginx in front of two instances."""
    port, *ports = free_ports(3)
    site = NGINX_SITE.format(port=port, first=ports[0], second=ports[1])
    flags = ("--workers", str(workers))
    with run_nginx(binary, folder, site):
        yield Instances(port, ports, flags, wait_for_nginx)


async def wait_for_nginx() -> None:
    """Wait until nginx no longer avoids an instance that refused a connection."""
    await asyncio.sleep(NGINX_FAIL_SECONDS + 1)


@asynccontextmanager
async def restarter(
    instances: Instances,
) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
    """Start both instances; yield a function that restarts one of them."""
    async with AsyncExitStack() as stack:
        running = [stack.enter_context(ExitStack()) for _ in instances.ports]

        async def start(index: int) -> None:
            flags = ("--port", str(instances.ports[index]), *instances.flags)
            server = await asyncio.to_thread(
                running[index].enter_context, serve(*flags)
            )
            servers[index] = server

        async def restart(index: int) -> None:
            process = servers[index].process
            process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(process.wait, 30) == 0
            await asyncio.to_thread(running[index].close)
            await start(index)
            await instances.wait()

        servers: dict[int, Server] = {}
        for index in range(len(instances.ports)):
            await start(index)
        yield restart


def restart_under_load(
    instances: Instances, load: Load, rounds: int, fewest_requests: int
) -> None:
    """Restart both instances in turn; check that every response is a 200."""

    async def run() -> None:
        async with restarter(instances) as restart:
            await instances.wait()
            async with connect(instances.port):
                pass
            sending = asyncio.create_task(load.run())
            for _ in range(rounds):
                for index in range(2):
                    await restart(index)
            await load.reach(fewest_requests)
            load.stop()
            await sending

    asyncio.run(asyncio.wait_for(run(), SECONDS))
    assert load.cut == []
    assert set(load.statuses) == {200}, load.bodies
    assert load.answered >= fewest_requests


def test_haproxy_with_reused_connections_loses_no_request(
    haproxy: str, tmp_path: Path
) -> None:
    """Each instance is restarted ten times."""
    with behind_haproxy(haproxy, tmp_path, "", workers=1) as instances:
        load = Load(instances.port, DIGIT, clients=8)
        restart_under_load(instances, load, rounds=10, fewest_requests=20_000)


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_haproxy_with_a_connection_for_each_request_loses_none(
    haproxy: str, tmp_path: Path, workers: int
) -> None:
    """Each instance is restarted once."""
    with behind_haproxy(haproxy, tmp_path, "option httpclose", workers) as instances:
        load = Load(instances.port, WALK, clients=16)
        restart_under_load(instances, load, rounds=1, fewest_requests=1000)


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_nginx_with_default_settings_loses_no_request(
    nginx: str, tmp_path: Path, workers: int
) -> None:
    """Each instance is restarted twice."""
    with behind_nginx(nginx, tmp_path, workers) as instances:
        load = Load(instances.port, WALK, clients=16)
        restart_under_load(instances, load, rounds=2, fewest_requests=1000)
