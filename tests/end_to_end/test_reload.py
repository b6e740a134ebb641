"""Hot reload: another model replaces the one in service between two requests."""

import asyncio
import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.connection import connect, request
from tests.end_to_end.load import Load
from tests.end_to_end.server import Server, serve
from tests.end_to_end.test_workers import wait_for_workers
from tests.models import DAMAGES, Damage, make_another
from tests.samples import MODEL, card_examples

DIGIT = request("POST", "/reconstruct", {"images": card_examples()[:1]})
KEY = "a-key-of-some-length"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Folder with a copy of the model."""
    return shutil.copytree(MODEL, tmp_path / "mnist")


def answer_of(server: Server) -> bytes:
    """Return the server's response for one digit."""

    async def run() -> bytes:
        async with connect(server.port) as connection:
            return (await connection.exchange(DIGIT)).body

    return asyncio.run(run())


def reload_under_load(server: Server, change: Callable[[], object], said: str) -> Load:
    """Send SIGHUP after a change of the folder, under load; return the load."""
    load = Load(server.port, DIGIT, clients=8)

    async def run() -> None:
        sending = asyncio.create_task(load.run())
        await load.reach(300)
        change()
        server.process.send_signal(signal.SIGHUP)
        await asyncio.to_thread(server.log.wait_for, said)
        await load.reach(load.answered + 1000)
        load.stop()
        await sending

    asyncio.run(run())
    return load


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_good_model_replaces_the_old_one_between_requests(
    folder: Path, workers: str
) -> None:
    """No request fails; each response is the old model's or the new one's."""
    with serve("--workers", workers, "--model", str(folder)) as server:
        old = answer_of(server)
        load = reload_under_load(server, lambda: make_another(folder), "model reloaded")
        new = answer_of(server)
        with server.client() as client:
            assert (
                'vae_model_reloads_total{result="ok"} 1.0'
                in client.get("/metrics").text
            )

    assert load.cut == []
    assert set(load.statuses) == {200}
    assert old != new
    assert set(load.bodies) == {old, new}


@pytest.mark.parametrize(("damage", "message"), [DAMAGES[0], DAMAGES[6]])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_bad_model_leaves_the_old_one_in_service(
    folder: Path, workers: str, damage: Damage, message: str
) -> None:
    """One line in the log gives the reason; no request fails."""
    with serve("--workers", workers, "--model", str(folder)) as server:
        old = answer_of(server)
        load = reload_under_load(
            server,
            lambda: damage(folder),
            f"the previous model stays in service: .*{message}",
        )
        with server.client() as client:
            assert client.get("/readyz").status_code == 200
            assert (
                'vae_model_reloads_total{result="refused"} 1.0'
                in client.get("/metrics").text
            )

    assert load.cut == []
    assert set(load.statuses) == {200}
    assert set(load.bodies) == {old}


def test_all_workers_serve_the_model_that_was_loaded(folder: Path) -> None:
    """They do not load it themselves: its files may have changed or gone since.

    One worker is stopped (SIGSTOP) while the others change over.
    """
    with serve("--workers", "2", "--model", str(folder)) as server:
        wait_for_workers(server, 2)
        make_another(folder)
        expected = json.loads((folder / "model.json").read_bytes())
        old_workers = server.workers()
        os.kill(old_workers[0], signal.SIGSTOP)
        server.process.send_signal(signal.SIGHUP)
        server.log.wait_for("model reloaded")
        shutil.rmtree(folder)
        os.kill(old_workers[0], signal.SIGCONT)
        for worker in old_workers:
            wait_for_workers(server, 2, gone=worker)
        for _ in range(8):  # connections are spread over the workers
            with server.client() as client:
                assert client.get("/model").json() == expected


def test_a_worker_that_is_replaced_has_the_new_model(folder: Path) -> None:
    """A worker that is forked after a reload serves the reloaded model."""
    with serve("--workers", "2", "--model", str(folder)) as server:
        wait_for_workers(server, 2)
        make_another(folder)
        expected = json.loads((folder / "model.json").read_bytes())
        old_workers = server.workers()
        server.process.send_signal(signal.SIGHUP)
        server.log.wait_for("model reloaded")
        shutil.rmtree(folder)
        for worker in old_workers:
            wait_for_workers(server, 2, gone=worker)
        for worker in server.workers():
            kill_and_wait(server, worker)
        with server.client() as client:
            assert client.get("/model").json() == expected


def kill_and_wait(server: Server, worker: int) -> None:
    """Kill a worker and wait until it is replaced."""
    os.kill(worker, signal.SIGKILL)
    server.log.wait_for(f"process {worker}\\) died; replacing it")


def test_probes_succeed_while_workers_are_replaced(folder: Path) -> None:
    """A worker that retires answers /readyz on open connections with 200."""
    with serve("--workers", "2", "--model", str(folder)) as server:
        wait_for_workers(server, 2)
        load = Load(server.port, request("GET", "/readyz"), clients=8)

        async def run() -> None:
            sending = asyncio.create_task(load.run())
            for _ in range(3):
                await load.reach(load.answered + 200)
                retiring = server.workers()
                server.process.send_signal(signal.SIGHUP)
                for worker in retiring:
                    await asyncio.to_thread(wait_for_workers, server, 2, worker)
            load.stop()
            await sending

        asyncio.run(run())

    assert load.cut == []
    assert set(load.statuses) == {200}


@pytest.mark.parametrize("workers", ["1", "2"])
def test_reloads_are_coalesced_and_end_with_the_service(workers: str) -> None:
    """A hundred requests for a reload cause a few, and none after SIGTERM."""
    with serve("--workers", workers) as server:
        for _ in range(100):
            server.process.send_signal(signal.SIGHUP)
            time.sleep(0.001)
        server.process.send_signal(signal.SIGTERM)
        started = time.monotonic()
        assert server.process.wait(timeout=60) == 0
        seconds = time.monotonic() - started

    assert seconds < 5
    reloads = [line for line in server.log.lines if "model reloaded" in line]
    assert len(reloads) <= 5


def test_requests_that_outlast_the_grace_time_of_a_reload_are_cut() -> None:
    """Their number is counted and logged."""
    grace = ("--drain-grace-seconds", "0.5")
    with serve("--workers", "2", *grace) as server:
        wait_for_workers(server, 2)
        retiring = server.workers()

        async def run() -> int:
            async with connect(server.port) as connection:
                connection.writer.write(DIGIT[:-1])
                await connection.writer.drain()
                async with connect(server.port) as other:
                    assert (await other.exchange(DIGIT)).status == 200
                server.process.send_signal(signal.SIGHUP)
                return (await connection.read_response()).status

        assert asyncio.run(run()) == 503
        for worker in retiring:
            wait_for_workers(server, 2, gone=worker)
        assert server.metric('vae_connections_cut_total{reason="stop"}') == 1
        server.log.wait_for("cut 1 connections")


def test_the_endpoint_exists_only_if_enabled(folder: Path) -> None:
    """It needs a key; without the setting it is 404."""
    with serve(
        "--workers", "2", "--model", str(folder), "--reload-endpoint", VAE_API_KEYS=KEY
    ) as server:
        with server.client() as client:
            assert client.post("/model/reload").status_code == 401
            make_another(folder)
            response = client.post("/model/reload", headers={"X-API-Key": KEY})
            assert (response.status_code, response.json()) == (
                202,
                {"status": "reloading"},
            )
        server.log.wait_for("model reloaded")

    with serve("--workers", "1") as server, server.client() as client:
        assert client.post("/model/reload").status_code == 404
