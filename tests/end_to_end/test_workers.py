"""Worker processes on one port, and their supervisor."""

import asyncio
import os
import signal
import socket
import sys
import time
from contextlib import AsyncExitStack, ExitStack, suppress
from pathlib import Path

import pytest

from tests.end_to_end.connection import connect, request
from tests.end_to_end.load import Load
from tests.end_to_end.server import COMMAND, UnloggedServer, serve, serve_without_log
from tests.samples import card_examples

LIVE = request("GET", "/livez")
DIGIT = request("POST", "/reconstruct", {"images": card_examples()[:1]})
CLIENTS = 8


def wait_for_workers(server: UnloggedServer, count: int, gone: int = 0) -> None:
    """Wait for a number of workers that does not include the process ``gone``."""
    end = time.monotonic() + 20
    while len(server.workers()) != count or gone in server.workers():
        assert time.monotonic() < end, server.workers()


def seconds_until_replaced(server: UnloggedServer, victim: int) -> float:
    """Wait until there are two workers without a killed one; return how long it took."""
    killed = time.monotonic()
    wait_for_workers(server, 2, gone=victim)
    return time.monotonic() - killed


def test_a_killed_worker_is_replaced_and_the_port_stays_open() -> None:
    """Only requests in flight are lost; after 2 s the number of workers is restored."""
    with serve("--workers", "2") as server:
        wait_for_workers(server, 2)
        load = Load(server.port, DIGIT, clients=CLIENTS)

        async def run() -> float:
            sending = asyncio.create_task(load.run())
            await load.reach(500)
            victim = server.workers()[0]
            os.kill(victim, signal.SIGKILL)
            # In a thread: the event loop may be busy with the load for half a second.
            waiting = asyncio.to_thread(seconds_until_replaced, server, victim)
            replaced = asyncio.create_task(waiting)
            while not replaced.done():
                async with connect(server.port):  # the port is open
                    pass
            await load.reach(load.answered + 500)
            load.stop()
            await sending
            return replaced.result()

        assert asyncio.run(run()) < 2
        server.log.wait_for("died; replacing it")
        with server.client() as client:
            assert "vae_worker_restarts_total 1.0" in client.get("/metrics").text

    assert len(load.cut) <= CLIENTS
    assert set(load.statuses) == {200}


def test_connections_are_spread_over_workers_whichever_is_scheduled() -> None:
    """A worker that is stopped while 64 clients connect later gets 16 or more."""
    with serve("--workers", "2") as server, ExitStack() as stack:
        wait_for_workers(server, 2)
        idle = {worker: sockets(worker) for worker in server.workers()}
        slow = server.workers()[0]
        os.kill(slow, signal.SIGSTOP)
        try:
            for _ in range(64):
                stack.enter_context(
                    socket.create_connection(("127.0.0.1", server.port), timeout=30)
                )
        finally:
            os.kill(slow, signal.SIGCONT)
        end = time.monotonic() + 20
        while sum(taken := [sockets(worker) - idle[worker] for worker in idle]) < 64:
            assert time.monotonic() < end, taken

        assert min(taken) >= 16


def test_a_worker_that_stops_leaves_new_connections_to_the_others() -> None:
    """It alone got SIGTERM, and waits for the rest of a request."""
    with serve("--workers", "2") as server:
        wait_for_workers(server, 2)

        async def run() -> set[int]:
            async with AsyncExitStack() as stack:
                for _ in range(32):
                    connection = await stack.enter_async_context(connect(server.port))
                    connection.writer.write(DIGIT[:-1])
                os.kill(server.workers()[0], signal.SIGTERM)
                server.log.wait_for("stopping")
                statuses = set()
                for _ in range(32):
                    async with connect(server.port) as connection:
                        statuses.add(
                            (
                                await asyncio.wait_for(connection.exchange(DIGIT), 10)
                            ).status
                        )
                return statuses

        assert asyncio.run(run()) == {200}


def test_connections_of_a_dead_worker_are_served_before_a_stop() -> None:
    """They are, even if SIGTERM arrives before the supervisor has seen the death."""
    with serve("--workers", "2") as server:
        wait_for_workers(server, 2)
        victim = server.workers()[0]

        async def run() -> set[int]:
            async with AsyncExitStack() as stack:
                os.kill(victim, signal.SIGSTOP)
                waiting = [
                    await stack.enter_async_context(connect(server.port))
                    for _ in range(32)
                ]
                for connection in waiting:
                    connection.writer.write(DIGIT)
                server.process.send_signal(signal.SIGSTOP)
                try:
                    os.kill(victim, signal.SIGKILL)
                    await asyncio.to_thread(wait_for_end, victim)
                    server.process.send_signal(signal.SIGTERM)
                finally:
                    server.process.send_signal(signal.SIGCONT)
                return {
                    (await asyncio.wait_for(connection.read_response(), 20)).status
                    for connection in waiting
                }

        assert asyncio.run(run()) == {200}
        assert server.process.wait(timeout=30) == 0


def wait_for_end(process: int) -> None:
    """Wait until a process has ended and is a zombie."""
    end = time.monotonic() + 20
    while ") Z " not in (status := Path(f"/proc/{process}/stat").read_text()):
        assert time.monotonic() < end, status


def sockets(process: int) -> int:
    """Return the number of sockets that a process has open."""
    return sum(
        "socket:" in str(file.resolve())
        for file in Path(f"/proc/{process}/fd").iterdir()
    )


def test_an_orphan_is_not_a_worker() -> None:
    """Process 1 of a container inherits orphans: they are reaped and not replaced."""
    with serve(
        "--workers", "2", through=["sh", "-c", 'true & exec "$@"', "sh"]
    ) as server:
        with server.client() as client:
            assert client.get("/readyz").status_code == 200
        os.kill(
            server.workers()[-1], signal.SIGKILL
        )  # children are reaped when one ends
        server.log.wait_for("died; replacing it")
        wait_for_workers(server, 2)


def test_workers_end_with_their_supervisor() -> None:
    """A killed supervisor leaves no process behind, and none that spins meanwhile."""
    with serve("--workers", "2", "--drain-delay-seconds", "1") as server:
        wait_for_workers(server, 2)
        times = [Path(f"/proc/{worker}/schedstat") for worker in server.workers()]
        before = [nanoseconds(path) for path in times]
        server.process.kill()
        server.process.wait(timeout=30)
        taken = 0
        while not server.log.ended:  # it ends with the last process that holds it
            taken = max(
                taken,
                *(
                    nanoseconds(path) - start
                    for path, start in zip(times, before, strict=True)
                ),
            )
            server.log.reader.join(timeout=0.05)

        assert taken < 5e8


def nanoseconds(path: Path) -> int:
    """Return the processor time of a process, 0 once it has ended."""
    with suppress(OSError):
        return int(path.read_text().split()[0])
    return 0


def test_metrics_count_for_all_workers() -> None:
    """Every worker reports the sum."""
    with serve("--workers", "2") as server:
        load = Load(server.port, DIGIT, clients=CLIENTS)

        async def run() -> None:
            sending = asyncio.create_task(load.run())
            await load.reach(1000)
            load.stop()
            await sending

        asyncio.run(run())
        line = 'vae_request_duration_seconds_count{route="/reconstruct",status="200"}'
        for _ in range(6):
            with server.client() as client:
                counts = [
                    text
                    for text in client.get("/metrics").text.splitlines()
                    if text.startswith(line)
                ]
            assert counts == [f"{line} {load.answered}.0"]


def test_a_worker_that_stands_still_is_replaced() -> None:
    """It is killed after the timeout; the log and the metrics have it."""
    with serve("--workers", "2", "--worker-timeout-seconds", "2") as server:
        wait_for_workers(server, 2)
        stopped, other = server.workers()
        os.kill(stopped, signal.SIGSTOP)
        server.log.wait_for(f"process {stopped}\\) has not responded for 2 s")
        wait_for_workers(server, 2, gone=stopped)

        assert other in server.workers()
        with server.client() as client:
            metrics = client.get("/metrics").text
        assert "vae_worker_timeouts_total 1.0" in metrics
        assert "vae_worker_restarts_total 1.0" in metrics


def test_a_busy_worker_is_not_replaced() -> None:
    """Its event loop responds between two requests, however many there are."""
    with serve("--workers", "2", "--worker-timeout-seconds", "1") as server:
        wait_for_workers(server, 2)
        workers = server.workers()
        load = Load(server.port, DIGIT, clients=64)

        async def run() -> None:
            sending = asyncio.create_task(load.run())
            await asyncio.sleep(3)
            load.stop()
            await sending

        asyncio.run(run())
        assert server.workers() == workers


def test_a_supervisor_that_was_stopped_kills_no_worker() -> None:
    """A container may be paused with all its processes."""
    with serve("--workers", "2", "--worker-timeout-seconds", "1") as server:
        wait_for_workers(server, 2)
        workers = server.workers()
        stopped = [server.process.pid, *workers]
        for process in stopped:
            os.kill(process, signal.SIGSTOP)
        time.sleep(2)
        for process in stopped:
            os.kill(process, signal.SIGCONT)
        time.sleep(1)

        assert server.workers() == workers


@pytest.mark.parametrize("workers", ["1", "2"])
def test_new_connections_replace_idle_ones_when_descriptors_run_out(
    workers: str,
) -> None:
    """Each of 200 clients is answered although 96 descriptors are all there are."""
    limited = ["sh", "-c", 'ulimit -n 96 && exec "$@"', "sh"]
    with serve("--workers", workers, through=limited) as server:

        async def run() -> set[int]:
            async with AsyncExitStack() as stack:
                statuses = set()
                for _ in range(200):
                    connection = await stack.enter_async_context(connect(server.port))
                    statuses.add((await connection.exchange(LIVE)).status)
                return statuses

        assert asyncio.run(run()) == {200}
        server.log.wait_for("as many as the limit of open files allows")
        assert server.metric('vae_connections_cut_total{reason="descriptors"}') > 50


FAILING_FORK = """
import os, runpy, sys

fork, failures = os.fork, [OSError(11, "Resource temporarily unavailable")] * 3

def fork_after_failures():
    if failures:
        raise failures.pop()
    return fork()

os.fork = fork_after_failures
sys.argv = ["service", *sys.argv[4:]]
runpy.run_module("service", run_name="__main__")
"""


def test_a_fork_that_fails_is_tried_again() -> None:
    """The supervisor goes on; the port is open meanwhile."""
    with serve(
        "--workers", "2", through=[sys.executable, "-c", FAILING_FORK]
    ) as server:
        server.log.wait_for("cannot fork worker 1, trying again: Resource temporarily")
        wait_for_workers(server, 2)
        with server.client() as client:
            assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize("to_group", [True, False])
def test_a_second_interrupt_ends_the_service_at_once(*, to_group: bool) -> None:
    """Ctrl-C signals the whole process group, kill -INT the supervisor alone.

    The first waits for a request that was received in part; the second does not.
    """
    with serve("--workers", "2", through=["setsid"]) as server:

        def interrupt() -> None:
            if to_group:
                os.killpg(server.process.pid, signal.SIGINT)
            else:
                server.process.send_signal(signal.SIGINT)

        async def run() -> float:
            async with AsyncExitStack() as stack:
                for _ in range(16):
                    connection = await stack.enter_async_context(connect(server.port))
                    connection.writer.write(DIGIT[:-1])
                await asyncio.sleep(0.2)
                interrupt()
                await asyncio.to_thread(server.log.wait_for, "stopping")
                await asyncio.sleep(1)
                assert server.process.poll() is None
                interrupt()
                started = time.monotonic()
                assert await asyncio.to_thread(server.process.wait, 30) == 0
                return time.monotonic() - started

        assert asyncio.run(run()) < 2


def test_a_log_that_nobody_reads_stops_nothing() -> None:
    """Dead workers are replaced, reloads happen, and SIGTERM ends the service."""
    reader, writer = os.pipe()
    try:
        with serve_without_log(*COMMAND, stderr=writer) as server:
            fill(writer)
            for _ in range(3):
                victims = server.workers()
                for worker in victims:
                    os.kill(worker, signal.SIGKILL)
                wait_for_workers(server, 2, gone=victims[0])
                server.process.send_signal(signal.SIGHUP)
                server.wait_until_ready()
    finally:
        os.close(reader)
        os.close(writer)


def fill(writer: int) -> None:
    """Write to a pipe until it is full."""
    descriptor = os.open(f"/dev/fd/{writer}", os.O_WRONLY | os.O_NONBLOCK)
    with suppress(BlockingIOError):
        while True:
            os.write(descriptor, bytes(4096))
    os.close(descriptor)
