"""Graceful shutdown: no request is lost, and the exit code is 0."""

import asyncio
import signal
import socket
import sys
import time
from collections import Counter
from contextlib import AsyncExitStack

import pytest
from PIL import Image

from tests.end_to_end.connection import Connection, connect, request
from tests.end_to_end.load import Load
from tests.end_to_end.server import serve
from tests.samples import card_examples, png

DIGIT = request("POST", "/reconstruct", {"images": card_examples()[:1]})
READY = request("GET", "/readyz")
METRICS = request("GET", "/metrics")
LIVE_ONCE = request("GET", "/livez", Connection="close")
BATCH_ONCE = request(
    "POST", "/reconstruct", {"images": card_examples()[:1] * 64}, Connection="close"
)
TCP_QUICKACK = 12
ROUND_TRIP_SECONDS = 0.02


@pytest.mark.parametrize("workers", ["1", "2"])
def test_busy_connections_are_closed_and_not_cut(workers: str) -> None:
    """16 clients that never pause get all responses, the last with Connection: close."""
    with serve("--workers", workers) as server:
        load = Load(server.port, DIGIT, clients=16, reconnect=False)

        async def run() -> None:
            sending = asyncio.create_task(load.run())
            await load.reach(1000)
            server.process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(sending, 30)

        asyncio.run(run())
        assert server.process.wait(timeout=30) == 0

    assert load.cut == []
    assert load.told_to_close == 16
    assert set(load.statuses) == {200}


@pytest.mark.parametrize("workers", ["1", "2", "4"])
def test_clients_that_connect_for_each_request_lose_none(workers: str) -> None:
    """16 of them get a response on every connection that was established.

    Responses bring clients back; still the process ends soon: in 0.6 s on an idle
    machine.
    """
    with serve("--workers", workers) as server:
        load = Load(server.port, BATCH_ONCE, clients=16, until_refused=True)

        async def run() -> float:
            sending = asyncio.create_task(load.run())
            await load.reach(50)
            server.process.send_signal(signal.SIGTERM)
            stopped = time.monotonic()
            code = await asyncio.to_thread(server.process.wait, 30)
            seconds = time.monotonic() - stopped
            assert code == 0
            await asyncio.wait_for(sending, 30)
            return seconds

        assert asyncio.run(run()) < 2

    assert load.cut == []
    assert set(load.statuses) == {200}


@pytest.mark.skipif(sys.platform != "linux", reason="needs packet filters")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_handshakes_in_flight_are_completed(workers: str) -> None:
    """A connection that the server's SYN-ACK has promised gets its response.

    400 connections a second hold back the handshake's last packet until the request,
    as on a network with a round trip of 20 ms.
    """
    results: Counter[str] = Counter()

    async def connect_slowly(port: int) -> None:
        loop = asyncio.get_running_loop()
        with socket.socket() as client:
            client.settimeout(0)
            client.setsockopt(socket.IPPROTO_TCP, TCP_QUICKACK, 0)
            try:
                await loop.sock_connect(client, ("127.0.0.1", port))
            except ConnectionRefusedError:
                results["refused"] += 1
                return
            await asyncio.sleep(ROUND_TRIP_SECONDS)
            try:
                await loop.sock_sendall(client, LIVE_ONCE)
                response = await loop.sock_recv(client, 4096)
            except OSError as error:
                response = repr(error).encode()
            results["served" if b" 200 " in response else "lost"] += 1

    async def run() -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(400):
                group.create_task(connect_slowly(server.port))
                await asyncio.sleep(0.0025)
                if number == 100:
                    server.process.send_signal(signal.SIGTERM)

    with serve("--workers", workers) as server:
        asyncio.run(run())
        assert server.process.wait(timeout=30) == 0

    assert results["lost"] == 0
    assert results["served"] > 50
    assert results["refused"] > 50


def test_readiness_falls_before_the_port_closes() -> None:
    """During the delay only /readyz fails; all else works, on new connections too."""
    with serve("--workers", "1", "--drain-delay-seconds", "2") as server:

        async def run() -> None:
            async with connect(server.port) as connection:
                assert (await connection.exchange(READY)).status == 200
                server.process.send_signal(signal.SIGTERM)
                await asyncio.to_thread(server.log.wait_for, "stopping")
                response = await connection.exchange(READY)
            assert response.status == 503
            assert response.json()["type"] == "urn:vae-service:problem:draining"
            assert response.headers["connection"] == "close"
            for content in (DIGIT, request("GET", "/livez")):
                async with connect(server.port) as connection:
                    assert (await connection.exchange(content)).status == 200

        asyncio.run(run())
        assert server.process.wait(timeout=30) == 0


def test_connections_that_wait_to_be_accepted_are_served() -> None:
    """They are established, with a request, while the process is stopped (SIGSTOP)."""
    with serve("--workers", "1", "--drain-delay-seconds", "1") as server:

        async def run() -> list[int]:
            async with connect(server.port) as connection:
                assert (await connection.exchange(READY)).status == 200
            server.process.send_signal(signal.SIGTERM)
            await asyncio.to_thread(server.log.wait_for, "stopping")
            async with AsyncExitStack() as stack:
                server.process.send_signal(signal.SIGSTOP)
                try:
                    waiting = [
                        await stack.enter_async_context(connect(server.port))
                        for _ in range(20)
                    ]
                    for connection in waiting:
                        connection.writer.write(DIGIT)
                    await asyncio.sleep(1)  # the delay
                finally:
                    server.process.send_signal(signal.SIGCONT)
                return [
                    (await connection.read_response()).status for connection in waiting
                ]

        assert asyncio.run(run()) == [200] * 20
        assert server.process.wait(timeout=30) == 0


def test_a_request_received_in_part_is_served() -> None:
    """Its first part is sent before the signal, the rest after the port is closed."""
    with serve("--workers", "1") as server:

        async def run() -> None:
            async with (
                connect(server.port) as connection,
                connect(server.port) as probe,
            ):
                await begin(connection, probe)
                server.process.send_signal(signal.SIGTERM)
                assert await probe.ended()  # idle: closed soon after the port
                connection.writer.write(DIGIT[100:])
                response = await connection.read_response()
            assert response.status == 200
            assert response.headers["connection"] == "close"

        asyncio.run(run())
        assert server.process.wait(timeout=30) == 0


def test_requests_that_outlast_the_grace_time_are_cut() -> None:
    """The process ends in time, with exit code 0, and logs the number of cuts."""
    with serve("--workers", "1", "--drain-grace-seconds", "0.5") as server:

        async def run() -> None:
            async with (
                connect(server.port) as connection,
                connect(server.port) as probe,
            ):
                await begin(connection, probe)
                server.process.send_signal(signal.SIGTERM)
                response = await connection.read_response()
                assert await connection.ended()
            assert response.status == 503
            assert response.json()["type"] == "urn:vae-service:problem:draining"

        asyncio.run(run())
        assert server.process.wait(timeout=30) == 0
        server.log.wait_for("cut 1 connections")


@pytest.mark.parametrize("reason", ["drain_grace_seconds is over", "second Ctrl-C"])
def test_a_computation_does_not_delay_the_end(reason: str) -> None:
    """One that takes 10 s in a thread is left behind; its request is logged."""
    limits = ("--max-image-pixels", "64000000", "--max-image-bytes", "2000000")
    grace = "1" if "grace" in reason else "60"
    with serve("--workers", "1", "--drain-grace-seconds", grace, *limits) as server:

        async def run() -> float:
            async with connect(server.port) as connection:
                connection.writer.write(request("POST", "/encode", slow_images()))
                await connection.writer.drain()
                async with connect(server.port) as probe:
                    metrics = b""
                    while b"vae_requests_in_flight 2.0" not in metrics:
                        metrics = (await probe.exchange(METRICS)).body
                server.process.send_signal(signal.SIGINT)
                await asyncio.to_thread(server.log.wait_for, "stopping")
                started = time.monotonic()
                if reason == "second Ctrl-C":
                    server.process.send_signal(signal.SIGINT)
                response = await connection.read_response()
                assert response.status == 503
                assert await asyncio.to_thread(server.process.wait, 30) == 0
                return time.monotonic() - started

        assert asyncio.run(run()) < 4
        server.log.wait_for(f"cut 1 connections: {reason}")
        server.log.wait_for('"route": "/encode", "status": 503')
        assert "Traceback" not in "".join(server.log.lines)


def slow_images() -> dict[str, list[str]]:
    """Return a request whose images take 10 s to decode."""
    paper = Image.new("RGBA", (7000, 7000), "white")
    paper.paste("black", (1000, 1000, 3000, 6000))
    return {"images": [png(paper)] * 6}


async def begin(connection: Connection, probe: Connection) -> None:
    """Send the beginning of a request; wait until the server has read it."""
    connection.writer.write(DIGIT[:100])
    await connection.writer.drain()
    assert (await probe.exchange(READY)).status == 200
