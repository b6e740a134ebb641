"""The real process over HTTP, with the model in the repository."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest

from service.settings import Settings
from tests.end_to_end.server import COMMAND, serve
from tests.models import DAMAGES, Damage
from tests.samples import MODEL, REPOSITORY, grey_png, pixels_of
from training.data.digits import Digits


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """A client of a running server."""
    with serve() as server, server.client() as client:
        yield client


@pytest.fixture(scope="module")
def images(test_digits: Digits) -> list[str]:
    """1,000 test digits as base64 PNGs."""
    return [grey_png(image.tolist()) for image in test_digits.images[:, 0]]


def reconstruct(client: httpx.Client, images: list[str]) -> list[str]:
    """POST images; give the answer's."""
    answer = client.post("/reconstruct", json={"images": images})
    assert answer.status_code == 200, answer.text
    reconstructions: list[str] = answer.json()["images"]
    return reconstructions


def test_reconstructions_of_1000_digits_are_near(
    client: httpx.Client, images: list[str], test_digits: Digits
) -> None:
    """Squared error per pixel, after PNG and rounding, is at most 0.0049."""
    answers = [
        text
        for first in range(0, 1000, 250)
        for text in reconstruct(client, images[first : first + 250])
    ]
    ours = np.stack([pixels_of(text) for text in answers]) / 255
    theirs = test_digits.pixels()[:, 0].numpy()

    assert len(answers) == 1000
    assert ((ours - theirs) ** 2).mean() <= 0.0049


def test_decoding_an_encoded_mean_is_a_reconstruction(
    client: httpx.Client, images: list[str]
) -> None:
    """/encode and /decode are the halves of /reconstruct: their numbers lose nothing on the way."""
    posteriors = client.post("/encode", json={"images": images[:20]}).json()["latents"]
    decoded = client.post(
        "/decode", json={"latents": [posterior["mean"] for posterior in posteriors]}
    ).json()["images"]

    assert {len(posterior["mean"]) for posterior in posteriors} == {32}
    assert {len(posterior["log_variance"]) for posterior in posteriors} == {32}
    assert decoded == reconstruct(client, images[:20])


def test_a_batch_equals_one_by_one(client: httpx.Client, images: list[str]) -> None:
    """Within one grey level: sums may be made in another order."""
    batch = reconstruct(client, images[:30])
    for text, image in zip(batch, images[:30], strict=True):
        (alone,) = reconstruct(client, [image])
        assert np.abs(pixels_of(alone).astype(int) - pixels_of(text)).max() <= 1


def test_requests_computed_together_get_what_each_gets_alone(
    client: httpx.Client, images: list[str]
) -> None:
    """To the last bit, from 16 clients at a time, which ask for different things, and sometimes for what is refused."""

    def ask(number: int) -> httpx.Response:
        image = images[number]
        if number % 4 == 0:
            return client.post(
                "/interpolate",
                json={"start": {"image": image}, "end": {"image": images[0]}},
            )
        if number % 4 == 1:
            return client.post("/reconstruct", json={"images": [image, "no picture"]})
        return client.post(
            "/encode" if number % 4 == 2 else "/reconstruct", json={"images": [image]}
        )

    def told(answer: httpx.Response) -> object:
        return answer.json()["errors"] if answer.status_code == 422 else answer.content

    with ThreadPoolExecutor(16) as clients:
        together = list(clients.map(ask, range(200)))

    for number, answer in enumerate(together):
        alone = ask(number)
        assert answer.status_code == alone.status_code
        assert told(answer) == told(alone)


def test_an_interpolation_ends_at_the_reconstructions(
    client: httpx.Client, images: list[str]
) -> None:
    """Eleven frames from one digit's reconstruction to another's."""
    answer = client.post(
        "/interpolate",
        json={"start": {"image": images[0]}, "end": {"image": images[1]}},
    ).json()
    frames = [pixels_of(text) for text in answer["images"]]
    first, last = (pixels_of(text) for text in reconstruct(client, images[:2]))

    assert len(frames) == len(answer["latents"]) == 11
    assert answer["weights"] == [step / 10 for step in range(11)]
    assert np.abs(frames[0].astype(int) - first).max() <= 1
    assert np.abs(frames[-1].astype(int) - last).max() <= 1
    assert any(
        not np.array_equal(frame, first) and not np.array_equal(frame, last)
        for frame in frames[1:-1]
    )


def test_the_most_items_are_taken_and_one_more_is_not(
    client: httpx.Client, images: list[str]
) -> None:
    """256 images in one request."""
    assert len(reconstruct(client, images[:256])) == 256
    response = client.post("/reconstruct", json={"images": images[:257]})
    assert response.status_code == 422
    assert (
        response.json()["errors"][0]["detail"]
        == "must have 1 to 256 items (VAE_MAX_ITEMS); has 257"
    )


def test_the_model_is_the_cards(client: httpx.Client) -> None:
    """GET /model answers what model.json says."""
    card = json.loads((MODEL / "model.json").read_text())

    assert client.get("/model").json() == card
    assert card["parameters"] == 427_344


def test_probes_answer(client: httpx.Client) -> None:
    """Both are well."""
    assert client.get("/livez").status_code == client.get("/readyz").status_code == 200


def test_another_size_is_refused_with_both_sizes(client: httpx.Client) -> None:
    """Where fitting is not wanted."""
    response = client.post(
        "/reconstruct", json={"images": [grey_png([[0] * 20] * 30)], "fit": "none"}
    )

    assert response.status_code == 422
    assert (
        "images[0]: 20 x 30 pixels; the model takes 28 x 28"
        in response.json()["detail"]
    )


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_service_cleanly(
    workers: str, number: signal.Signals
) -> None:
    """Exit code 0, and the port is free again."""
    with serve("--workers", workers) as server, server.client() as client:
        assert client.get("/readyz").status_code == 200
        server.process.send_signal(number)
        assert server.process.wait(timeout=30) == 0
        with pytest.raises(httpx.ConnectError):
            client.get("/livez")


def test_a_flag_wins_over_its_variable() -> None:
    """And a variable over the default."""
    with (
        serve("--max-items", "20", VAE_MAX_ITEMS="30", VAE_MAX_LATENT="5") as server,
        server.client() as client,
    ):
        schemas = client.get("/openapi.json").json()["components"]["schemas"]

    assert schemas["Images"]["maxItems"] == 20
    numbers, _ = schemas["Latent"]["anyOf"]
    assert numbers["items"]["maximum"] == 5


def run(*flags: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Start the service where it must not start."""
    return subprocess.run(
        [*COMMAND, *flags],
        cwd=REPOSITORY,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_help_names_every_setting() -> None:
    """Each has a flag, and a sentence that says what it means."""
    out = " ".join(run("--help").stdout.split())

    for name, field in Settings.model_fields.items():
        assert f"--{name.replace('_', '-')}" in out
        assert field.description is not None
        assert field.description in out.replace("- ", "-")


@pytest.mark.parametrize(
    ("flags", "variables", "message"),
    [
        (["--port", "many"], {}, "port: "),
        (["--workers", "0"], {}, "workers: "),
        (["--prot", "1"], {}, "--prot"),
        ([], {"VAE_MAX_ITEMS": "-1"}, "max_items: "),
        ([], {"VAE_MAX_ITEM": "20"}, "no such setting: VAE_MAX_ITEM"),
        ([], {"VAE_API_KEYS": "short"}, "api_keys.0: an API key must have 16"),
        (
            ["--api-keys-file", "/nowhere"],
            {},
            "api_keys_file: /nowhere cannot be read: No such file",
        ),
        (["--reload-endpoint"], {}, "reload_endpoint needs api_keys"),
        (["--cors-origins", "example.org"], {}, "example.org is not an origin"),
    ],
)
def test_a_bad_setting_is_one_line_and_exit_code_2(
    flags: list[str], variables: dict[str, str], message: str
) -> None:
    """It is named, without a traceback."""
    end = run(*flags, **variables)

    assert end.returncode == 2
    assert message in end.stderr.splitlines()[-1]
    assert "short" not in end.stderr
    assert "Traceback" not in end.stderr


@pytest.mark.parametrize(("damage", "message"), DAMAGES)
def test_a_bad_model_is_one_line_and_exit_code_3(
    tmp_path: Path, damage: Damage, message: str
) -> None:
    """Before the port opens: that it is taken by another does not matter yet."""
    folder = shutil.copytree(MODEL, tmp_path / "mnist")
    damage(folder)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        end = run("--model", str(folder), "--port", str(taken.getsockname()[1]))

    assert end.returncode == 3
    assert end.stderr.startswith(f"error: {folder}")
    assert re.search(message, end.stderr)
    assert end.stderr.count("\n") == 1


def test_a_port_that_is_taken_is_one_line_and_exit_code_1() -> None:
    """It is named."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        end = run("--port", str(port))

    assert end.returncode == 1
    assert end.stderr.startswith(
        f"error: cannot listen on 127.0.0.1 port {port}: Address already in use"
    )
    assert end.stderr.count("\n") == 1


def test_a_port_is_not_shared_with_another_service() -> None:
    """Though the workers of one share theirs."""
    with serve("--workers", "2") as server:
        end = run("--workers", "2", "--port", str(server.port))

    assert end.returncode == 1
    assert end.stderr.startswith(
        f"error: cannot listen on 127.0.0.1 port {server.port}: Address already in use"
    )


def test_the_service_needs_no_pytorch() -> None:
    """Nor anything else that only training needs."""
    program = "import sys, service.__main__; print({'torch', 'onnx', 'typer'} & sys.modules.keys())"
    end = subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )

    assert end.stdout == "set()\n"
