"""Models are loaded and unloaded on request, in all workers, while others serve."""

import asyncio
import json
import os
import shutil
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from tritonclient.http import InferenceServerClient
from tritonclient.utils import InferenceServerException

from tests.end_to_end.connection import request
from tests.end_to_end.load import Load
from tests.end_to_end.server import Server, serve
from tests.end_to_end.test_workers import wait_for_workers
from tests.models import change_graph, truncate
from tests.samples import MODEL, card_examples

COUNT = 8
STAYING = ("m0", "m1", "m2")  # the first is the default
FIELDS = {"images": card_examples()[:1]}
KEY = "a-key-of-some-length"
HEADERS = {"X-API-Key": KEY}
WORKERS = ("1", "2")


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight models whose images are of different brightness."""
    folder = tmp_path_factory.mktemp("originals")
    for number in range(COUNT):
        model = shutil.copytree(MODEL, folder / f"m{number}")
        brighten = partial(np.add, number / 2)
        change_graph(model, "decoder", {"output.bias": brighten})
    return folder


@pytest.fixture
def folder(originals: Path, tmp_path: Path) -> Path:
    """Folder with a copy of the models."""
    return shutil.copytree(originals, tmp_path / "models")


@contextmanager
def serve_repository(folder: Path, workers: str) -> Iterator[Server]:
    """Serve the models of a folder."""
    flags = ("--models", str(folder), "--default-model", "m0", "--workers", workers)
    with serve(*flags, "--repository-endpoint", VAE_API_KEYS=KEY) as server:
        if workers != "1":
            wait_for_workers(server, int(workers))
        yield server


def connect_triton(server: Server) -> InferenceServerClient:
    """Return Triton's client, which one thread alone may use."""
    return InferenceServerClient(server.url.removeprefix("http://"))


async def load(server: Server, name: str) -> None:
    """Load a model in a thread."""

    def call() -> None:
        with connect_triton(server) as triton:
            triton.load_model(name, headers=HEADERS)

    await asyncio.to_thread(call)


async def unload(server: Server, name: str) -> None:
    """Unload a model in a thread."""

    def call() -> None:
        with connect_triton(server) as triton:
            triton.unload_model(name, headers=HEADERS)

    await asyncio.to_thread(call)


def path_of(name: str) -> str:
    """Return the path of a model's reconstruction."""
    return "/reconstruct" if name == "m0" else f"/models/{name}/reconstruct"


def answers_of(server: Server) -> dict[str, bytes]:
    """Return the response of each model for one digit."""
    answers = {}
    with server.client(headers=HEADERS) as client:
        for number in range(COUNT):
            response = client.post(path_of(f"m{number}"), json=FIELDS)
            assert response.status_code == 200
            answers[f"m{number}"] = response.content
    return answers


async def under_load(
    server: Server, change: Callable[[], Awaitable[None]]
) -> dict[str, Load]:
    """Keep each model busy during a change, and for some requests after it."""
    loads = {}
    for number in range(COUNT):
        name = f"m{number}"
        content = request("POST", path_of(name), FIELDS, X_API_Key=KEY)
        loads[name] = Load(server.port, content, clients=2)
    sending = [asyncio.create_task(load.run()) for load in loads.values()]
    await change()
    for load in loads.values():
        await load.reach(load.answered + 50)
        load.stop()
    await asyncio.gather(*sending)
    return loads


def check_answers(loads: dict[str, Load], answers: dict[str, bytes]) -> None:
    """Check that no connection was cut, no response failed, and none was another's.

    Models that were unloaded may be 404 meanwhile.
    """
    for name, load in loads.items():
        assert load.cut == []
        allowed = {200} if name in STAYING else {200, 404}
        assert set(load.statuses) <= allowed
        images = {body for body in load.bodies if body.startswith(b'{"images"')}
        assert images == {answers[name]}
        assert load.statuses[200] == load.bodies[answers[name]]


@pytest.mark.parametrize("workers", WORKERS)
def test_models_come_and_go_under_load(folder: Path, workers: str) -> None:
    """No response fails or is another model's, and those that stay are never missed."""
    with serve_repository(folder, workers) as server:
        answers = answers_of(server)

        async def change() -> None:
            for name in ("m3", "m4", "m5", "m6"):
                await unload(server, name)
            for name in ("m1", "m0", "m3.encoder", "m4", "m5.decoder", "m6"):
                await load(server, name)

        loads = asyncio.run(under_load(server, change))
        assert answers_of(server) == answers

    check_answers(loads, answers)
    for name in ("m3", "m4", "m5", "m6"):
        assert loads[name].statuses[404] > 0


@pytest.mark.parametrize("workers", WORKERS)
def test_damage_to_the_folder_leaves_the_models_in_service(
    folder: Path, originals: Path, workers: str
) -> None:
    """A half-written, swapped or removed folder meanwhile, and a signal in between."""
    with serve_repository(folder, workers) as server:
        answers = answers_of(server)

        async def change() -> None:
            truncate(folder / "m1" / "decoder.onnx")
            with pytest.raises(InferenceServerException, match="not the file that its"):
                await load(server, "m1")
            shutil.rmtree(folder / "m2")
            with pytest.raises(InferenceServerException, match="no model m2 is found"):
                await load(server, "m2")
            shutil.copytree(originals / "m2", folder / "m2")
            server.process.send_signal(signal.SIGHUP)
            await asyncio.to_thread(server.log.wait_for, "model reloaded")
            (folder / "m3").rename(folder / ".m3")
            await unload(server, "m3")
            (folder / ".m3").rename(folder / "m3")
            await load(server, "m3")

        loads = asyncio.run(under_load(server, change))
        with server.client(headers=HEADERS) as client:
            models = client.get("/models").json()["models"]
        assert answers_of(server) == answers

    check_answers(loads, answers)
    reasons = {model["name"]: model["reason"] for model in models if model["reason"]}
    assert reasons.keys() == {"m1"}
    assert {model["state"] for model in models} == {"ready"}


@pytest.mark.parametrize("workers", WORKERS)
def test_a_response_means_that_all_workers_have_changed(
    folder: Path, workers: str
) -> None:
    """New connections, which any worker may accept, find the new state."""
    with (
        serve_repository(folder, workers) as server,
        connect_triton(server) as triton,
    ):
        for _ in range(3):
            triton.unload_model("m7", headers=HEADERS)
            assert statuses(server, "/models/m7") == {404}
            triton.load_model("m7", headers=HEADERS)
            assert statuses(server, "/models/m7") == {200}


def statuses(server: Server, path: str) -> set[int]:
    """Return the statuses of a path over several connections."""
    found = set()
    for _ in range(8):
        with server.client(headers=HEADERS) as client:
            found.add(client.get(path).status_code)
    return found


def test_a_worker_that_is_replaced_has_the_same_models(folder: Path) -> None:
    """It is forked from the process that has loaded them."""
    with serve_repository(folder, "2") as server:
        asyncio.run(unload(server, "m7"))
        wait_for_workers(server, 2)
        for worker in server.workers():
            os.kill(worker, signal.SIGKILL)
            server.log.wait_for(f"process {worker}\\) died; replacing it")
        wait_for_workers(server, 2)
        assert statuses(server, "/models/m7") == {404}


@pytest.mark.parametrize("workers", WORKERS)
def test_tritons_client_reads_index_configuration_and_statistics(
    folder: Path, workers: str
) -> None:
    """Its methods are used as they are; the index follows each change."""
    with (
        serve_repository(folder, workers) as server,
        connect_triton(server) as triton,
    ):
        triton.unload_model("m1", headers=HEADERS, unload_dependents=True)
        with server.client(headers=HEADERS) as client:
            client.post("/v2/models/m2.encoder/infer", json=digit())
        index = {
            model["name"]: (model["state"], model.get("reason"))
            for model in triton.get_model_repository_index(headers=HEADERS)
        }
        assert index["m1.encoder"] == ("UNAVAILABLE", "unloaded")
        assert index["m2.encoder"] == ("READY", "")
        assert not triton.is_model_ready("m1.encoder", headers=HEADERS)
        config = triton.get_model_config("m2.decoder", "1", headers=HEADERS)
        assert config["name"] == "m2.decoder"
        for arguments in (("m2.encoder",), ("m2.encoder", "1")):
            stats = triton.get_inference_statistics(*arguments, headers=HEADERS)
            assert stats["model_stats"][0]["inference_count"] == 1
        assert len(triton.get_inference_statistics(headers=HEADERS)["model_stats"]) > 14
        with pytest.raises(InferenceServerException, match="without parameters"):
            triton.load_model("m1", headers=HEADERS, config=json.dumps({"name": "m1"}))
        with pytest.raises(InferenceServerException, match="API key"):
            triton.load_model("m1")


def digit() -> dict[str, object]:
    """Return a request for an encoder."""
    tensor = {
        "name": "pixels",
        "shape": [1, 1, 28, 28],
        "datatype": "FP32",
        "data": [0.0] * 784,
    }
    return {"inputs": [tensor]}
