"""Several models in one server: found in a folder, loaded, and loaded again."""

import re
import shutil
import signal
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest
from tritonclient.http import InferenceServerClient

from tests.end_to_end.server import Server, serve
from tests.end_to_end.test_server import run_service
from tests.end_to_end.test_workers import wait_for_workers
from tests.models import make_another, truncate
from tests.samples import MODEL, card_examples

FIELDS = {"images": card_examples()[:1]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Folder with a model, another one in an archive, and half a model."""
    folder = tmp_path / "models"
    shutil.copytree(MODEL, folder / "first")
    another = shutil.copytree(MODEL, tmp_path / "another")
    make_another(another)
    shutil.make_archive(str(folder / "second"), "zip", another)
    half = shutil.copytree(MODEL, folder / "half")
    truncate(half / "decoder.onnx")
    return folder


def serve_folder(folder: Path, workers: str) -> AbstractContextManager[Server]:
    """Serve the models of a folder; the first is the default."""
    default = ("--default-model", "first")
    return serve("--models", str(folder), *default, "--workers", workers)


def states(client: httpx.Client) -> dict[str, str]:
    """Return the state of each model by its name."""
    models = client.get("/models").json()["models"]
    return {model["name"]: model["state"] for model in models}


def answer(client: httpx.Client, path: str) -> bytes:
    """Return the response for one digit."""
    response = client.post(path, json=FIELDS)
    assert response.status_code == 200
    return response.content


@pytest.mark.parametrize("workers", ["1", "2"])
def test_each_model_answers_by_its_name(folder: Path, workers: str) -> None:
    """The half one is left out, with one line in the log; archives are read in place."""
    entries = sorted(folder.iterdir())
    with serve_folder(folder, workers) as server, server.client() as client:
        server.log.wait_for(r"the model half could not be loaded: .*decoder\.onnx")
        assert states(client) == {
            "first": "ready",
            "half": "unavailable",
            "second": "ready",
        }
        first, second = (
            answer(client, f"/models/{name}/reconstruct")
            for name in ("first", "second")
        )
        assert answer(client, "/reconstruct") == first
        assert first != second
    assert sorted(folder.iterdir()) == entries


def test_a_bad_default_is_one_line_and_exit_code_3(folder: Path) -> None:
    """So is a default that is not set, and a folder that does not exist."""
    cases = {
        ("--models", str(folder), "--default-model", "half"): r"decoder\.onnx is not",
        ("--models", str(folder), "--default-model", "none"): "no model none; models",
        ("--models", str(folder)): "VAE_DEFAULT_MODEL: it is not set; models found:",
        ("--models", str(folder / "no")): "no cannot be read: No such file",
    }
    for flags, message in cases.items():
        ended = run_service(*flags)
        assert ended.returncode == 3
        assert re.fullmatch(f"error: .*{message}.*\n", ended.stderr)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_signal_makes_the_service_look_at_the_folder_again(
    folder: Path, workers: str
) -> None:
    """New models are added, removed ones go, and a good version replaces a bad one."""
    with serve_folder(folder, workers) as server:
        (folder / "second.zip").unlink()
        shutil.rmtree(folder / "half")
        shutil.copytree(MODEL, folder / "half")
        shutil.copytree(MODEL, folder / "third")
        old_workers = settled_workers(server, workers)
        server.process.send_signal(signal.SIGHUP)
        server.log.wait_for("model reloaded")
        for worker in old_workers:
            wait_for_workers(server, len(old_workers), gone=worker)
        with server.client() as client:
            assert states(client) == dict.fromkeys(("first", "half", "third"), "ready")
            gone = client.post("/models/second/reconstruct", json=FIELDS)
            assert gone.status_code == 404


def settled_workers(server: Server, workers: str) -> list[int]:
    """Return the worker processes when all have been forked; one has no fork."""
    if workers == "1":
        return []
    wait_for_workers(server, int(workers))
    return server.workers()


def test_tritons_client_finds_each_model(folder: Path) -> None:
    """By the index, and by the names in it."""
    with (
        serve_folder(folder, "1") as server,
        InferenceServerClient(server.url.removeprefix("http://")) as triton,
    ):
        index = triton.get_model_repository_index()
        ready = [model["name"] for model in index if model["state"] == "READY"]
        graphs = ("encoder", "decoder", "inspector")
        prefixes = ("", "first.", "second.")
        assert ready == [prefix + graph for prefix in prefixes for graph in graphs]
        for name in ready:
            assert triton.is_model_ready(name)
            assert triton.is_model_ready(name, "1")
            assert triton.get_model_metadata(name)["name"] == name
            assert triton.get_model_config(name)["name"] == name
        assert not triton.is_model_ready("half.encoder")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_further_model_takes_little_memory(tmp_path: Path) -> None:
    """Less than 10 MB for one of 2 MB, after each model has computed."""
    counts = (1, 9)
    used = []
    for count in counts:
        folder = tmp_path / f"{count}"
        for number in range(count):
            shutil.copytree(MODEL, folder / f"m{number}")
        flags = ("--models", str(folder), "--default-model", "m0", "--workers", "1")
        with serve(*flags) as server, server.client() as client:
            for number in range(count):
                for _ in range(5):
                    answer(client, f"/models/m{number}/reconstruct")
            used.append(resident_bytes(server.process.pid))

    assert (used[1] - used[0]) / (counts[1] - counts[0]) < 10_000_000


def resident_bytes(process: int) -> int:
    """Return the memory that a process has in use."""
    status = Path(f"/proc/{process}/status").read_text()
    kilobytes = status.partition("VmRSS:")[2].split()[0]
    return 1024 * int(kilobytes)
