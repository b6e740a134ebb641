"""Rolling restarts of two instances behind a reverse proxy, under load."""

import asyncio
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.end_to_end.connection import connect, request
from tests.end_to_end.load import Load
from tests.end_to_end.server import serve
from tests.samples import card_examples

ROUNDS = 10
FEWEST_REQUESTS = 20_000
DIGIT = request("POST", "/reconstruct", {"images": card_examples()[:1]})
# Health checks and reused connections, as its documentation advises. No request is
# retried once sent: one that the service cut would be seen.
CONFIGURATION = """
global
    stats socket {folder}/stats level admin
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    timeout check 5s
frontend front
    bind 127.0.0.1:{port}
    default_backend instances
backend instances
    option httpchk GET /readyz
    default-server check inter 100ms fall 1 rise 1
    server first 127.0.0.1:{first}
    server second 127.0.0.1:{second}
"""
# A little longer than the proxy needs to see that readiness fails.
FLAGS = ("--workers", "1", "--drain-delay-seconds", "1")


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on."""
    with ExitStack() as stack:
        sockets = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            for _ in range(count)
        ]
        return [listener.getsockname()[1] for listener in sockets]


@contextmanager
def proxy(
    haproxy: str, folder: Path, port: int, instances: list[int]
) -> Iterator[None]:
    """Run HAProxy in front of two instances."""
    path = folder / "haproxy.cfg"
    path.write_text(
        CONFIGURATION.format(
            folder=folder, port=port, first=instances[0], second=instances[1]
        )
    )
    with subprocess.Popen(
        [haproxy, "-f", str(path)], stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield
        finally:
            process.terminate()


async def wait_until_up(folder: Path, names: set[str]) -> None:
    """Wait until the proxy considers these instances up."""
    while True:
        try:
            reader, writer = await asyncio.open_unix_connection(folder / "stats")
        except OSError:  # it is starting
            await asyncio.sleep(0.01)
            continue
        writer.write(b"show stat\n")
        table = (await reader.read()).decode()
        writer.close()
        if names <= set(re.findall(r"^instances,(\w+),.*?,UP,", table, re.MULTILINE)):
            return
        await asyncio.sleep(0.01)


def test_a_rolling_restart_loses_no_request(haproxy: str, tmp_path: Path) -> None:
    """Ten restarts of each of two instances; every request is answered with 200."""
    port, *instances = free_ports(3)
    with ExitStack() as stack:
        stack.enter_context(proxy(haproxy, tmp_path, port, instances))
        running = [ExitStack() for _ in instances]
        for one in running:
            stack.push(one)
        servers = [
            one.enter_context(serve("--port", str(number), *FLAGS))
            for one, number in zip(running, instances, strict=True)
        ]
        load = Load(port, DIGIT, clients=8)

        async def restart(index: int) -> None:
            servers[index].process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(servers[index].process.wait, 30) == 0
            await asyncio.to_thread(running[index].close)
            again = await asyncio.to_thread(
                running[index].enter_context,
                serve("--port", str(instances[index]), *FLAGS),
            )
            servers[index] = again
            await wait_until_up(tmp_path, {"first", "second"})

        async def run() -> None:
            await wait_until_up(tmp_path, {"first", "second"})
            async with connect(port):
                pass
            sending = asyncio.create_task(load.run())
            for _ in range(ROUNDS):
                for index in range(2):
                    await restart(index)
            await load.reach(FEWEST_REQUESTS)
            load.stop()
            await sending

        asyncio.run(asyncio.wait_for(run(), 300))

    assert load.cut == []
    assert set(load.statuses) == {200}, load.bodies
    assert load.answered >= FEWEST_REQUESTS
