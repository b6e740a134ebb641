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
from numpy.typing import NDArray

from service.settings import Settings
from tests.end_to_end.server import COMMAND, serve
from tests.models import DAMAGES, Damage
from tests.samples import MODEL, REPOSITORY, grey_png, pixels_of
from training.data.images import LabelledImages


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """Client of a running server."""
    with serve() as server, server.client() as client:
        yield client


@pytest.fixture(scope="module")
def images(test_digits: LabelledImages) -> list[str]:
    """1,000 test digits as base64 PNGs."""
    return [grey_png(image.tolist()) for image in test_digits.images[:, 0]]


def reconstruct(client: httpx.Client, images: list[str]) -> list[str]:
    """Return the reconstructions of images."""
    response = client.post("/reconstruct", json={"images": images})
    assert response.status_code == 200, response.text
    reconstructions: list[str] = response.json()["images"]
    return reconstructions


def grey_levels(images: list[str]) -> NDArray[np.int16]:
    """Return the pixels of base64 PNGs, (count, height, width)."""
    return np.array([pixels_of(image) for image in images], dtype=np.int16)


def test_reconstructions_of_1000_digits_are_near(
    client: httpx.Client, images: list[str], test_digits: LabelledImages
) -> None:
    """Their squared error per pixel, rounded in PNGs, is at most 0.0049."""
    reconstructions = []
    for start in range(0, 1000, 250):
        reconstructions += reconstruct(client, images[start : start + 250])
    expected = test_digits.pixels()[:, 0].numpy()
    differences = grey_levels(reconstructions) / 255 - expected

    assert len(reconstructions) == 1000
    assert np.square(differences).mean() <= 0.0049


def test_decoding_the_encoded_mean_is_a_reconstruction(
    client: httpx.Client, images: list[str]
) -> None:
    """The numbers of /encode and /decode in JSON lose no precision."""
    encoded = client.post("/encode", json={"images": images[:20]}).json()
    means = [posterior["mean"] for posterior in encoded["latents"]]
    log_variances = [posterior["log_variance"] for posterior in encoded["latents"]]
    decoded = client.post("/decode", json={"latents": means}).json()

    assert {len(mean) for mean in means} == {32}
    assert {len(log_variance) for log_variance in log_variances} == {32}
    assert decoded["images"] == reconstruct(client, images[:20])


def test_a_batch_has_the_results_of_single_images(
    client: httpx.Client, images: list[str]
) -> None:
    """Within one grey level: sums may be computed in another order."""
    batch = grey_levels(reconstruct(client, images[:30]))
    for from_batch, image in zip(batch, images[:30], strict=True):
        single = grey_levels(reconstruct(client, [image]))[0]
        assert np.abs(single - from_batch).max() <= 1


def send_one_of_several(
    client: httpx.Client, images: list[str], number: int
) -> httpx.Response:
    """Send a request that depends on its number; every fourth is invalid."""
    image = images[number]
    match number % 4:
        case 0:
            ends = {"start": {"image": image}, "end": {"image": images[0]}}
            return client.post("/interpolate", json=ends)
        case 1:
            body = {"images": [image, "no image"]}
            return client.post("/reconstruct", json=body)
        case 2:
            return client.post("/encode", json={"images": [image]})
    return client.post("/reconstruct", json={"images": [image]})


def comparable_content(response: httpx.Response) -> object:
    """Return a response's content without its request id."""
    if response.status_code == 422:
        return response.json()["errors"]
    return response.content


def test_concurrent_requests_have_the_results_of_single_ones(
    client: httpx.Client, images: list[str]
) -> None:
    """They are bit-identical, for 16 clients with different and invalid requests."""

    def send(number: int) -> httpx.Response:
        return send_one_of_several(client, images, number)

    with ThreadPoolExecutor(16) as clients:
        concurrent = list(clients.map(send, range(200)))

    for number, response in enumerate(concurrent):
        single = send(number)
        assert response.status_code == single.status_code
        assert comparable_content(response) == comparable_content(single)


def test_an_interpolation_starts_and_ends_at_the_reconstructions(
    client: httpx.Client, images: list[str]
) -> None:
    """By default it has eleven frames; one between the ends differs from both."""
    ends = {"start": {"image": images[0]}, "end": {"image": images[1]}}
    response = client.post("/interpolate", json=ends).json()
    frames = grey_levels(response["images"])
    first, last = grey_levels(reconstruct(client, images[:2]))

    assert len(frames) == 11
    assert len(response["latents"]) == 11
    assert response["weights"] == [step / 10 for step in range(11)]
    assert np.abs(frames[0] - first).max() <= 1
    assert np.abs(frames[-1] - last).max() <= 1
    assert any(
        not np.array_equal(frame, first) and not np.array_equal(frame, last)
        for frame in frames[1:-1]
    )


def test_the_number_of_items_is_limited(
    client: httpx.Client, images: list[str]
) -> None:
    """256 images are accepted, 257 are rejected."""
    assert len(reconstruct(client, images[:256])) == 256

    response = client.post("/reconstruct", json={"images": images[:257]})
    error = response.json()["errors"][0]
    assert response.status_code == 422
    assert error["detail"] == "must have 1 to 256 items (VAE_MAX_ITEMS); has 257"


def test_the_model_card_is_served(client: httpx.Client) -> None:
    """GET /model returns the content of model.json."""
    card = json.loads((MODEL / "model.json").read_text())

    assert client.get("/model").json() == card
    assert card["parameters"] == 427_344


def test_probes_succeed(client: httpx.Client) -> None:
    """Liveness and readiness are 200."""
    assert client.get("/livez").status_code == 200
    assert client.get("/readyz").status_code == 200


def test_an_image_of_another_size_can_be_rejected(client: httpx.Client) -> None:
    """Without preprocessing, the message names both sizes."""
    image = grey_png([[0] * 20] * 30)
    response = client.post("/reconstruct", json={"images": [image], "fit": "none"})

    message = "images[0]: 20 x 30 pixels; the model takes 28 x 28"
    assert response.status_code == 422
    assert message in response.json()["detail"]


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_service(workers: str, number: signal.Signals) -> None:
    """The exit code is 0, and the port is closed."""
    with serve("--workers", workers) as server, server.client() as client:
        assert client.get("/readyz").status_code == 200
        server.process.send_signal(number)
        assert server.process.wait(timeout=30) == 0
        with pytest.raises(httpx.ConnectError):
            client.get("/livez")


def test_a_flag_overrides_its_variable() -> None:
    """A variable overrides the default."""
    with (
        serve("--max-items", "20", VAE_MAX_ITEMS="30", VAE_MAX_LATENT="5") as server,
        server.client() as client,
    ):
        schemas = client.get("/openapi.json").json()["components"]["schemas"]

    assert schemas["Images"]["maxItems"] == 20
    assert schemas["Latent"]["items"]["maximum"] == 5


def run_service(*flags: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the service with flags that make it exit by itself."""
    return subprocess.run(
        [*COMMAND, *flags],
        cwd=REPOSITORY,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_help_lists_all_settings() -> None:
    """Each has a flag and a description."""
    text = " ".join(run_service("--help").stdout.split())

    for name, field in Settings.model_fields.items():
        assert f"--{name.replace('_', '-')}" in text
        assert field.description is not None
        assert field.description in text.replace("- ", "-")
    for internal in ("default factory", "{Path,null}"):
        assert internal not in text


@pytest.mark.parametrize(
    ("flags", "variables", "message"),
    [
        (["--port", "many"], {}, "parse string as an integer; is 'many'"),
        (
            ["--workers", "0"],
            {},
            "workers: Input should be greater than or equal to 1; is '0'",
        ),
        (["--prot", "1"], {}, "--prot"),
        ([], {"VAE_MAX_ITEMS": "-1"}, "equal to 11; is '-1'"),
        ([], {"VAE_HOST": "a b" * 99}, "is '" + "a b" * 33 + "\n"),
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
def test_an_invalid_setting_is_one_line_and_exit_code_2(
    flags: list[str], variables: dict[str, str], message: str
) -> None:
    """The line has the setting and the value, but no key; there is no traceback."""
    ended = run_service(*flags, **variables)

    assert ended.returncode == 2
    assert message in ended.stderr.splitlines(keepends=True)[-1]
    assert "short" not in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(("damage", "message"), DAMAGES)
def test_an_invalid_model_is_one_line_and_exit_code_3(
    tmp_path: Path, damage: Damage, message: str
) -> None:
    """It is found before the port is opened, here one that is in use."""
    folder = shutil.copytree(MODEL, tmp_path / "mnist")
    damage(folder)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        ended = run_service("--model", str(folder), "--port", str(port))

    assert ended.returncode == 3
    assert ended.stderr.startswith(f"error: {folder}")
    assert re.search(message, ended.stderr)
    assert ended.stderr.count("\n") == 1


def test_a_port_in_use_is_one_line_and_exit_code_1() -> None:
    """The line names address and port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        ended = run_service("--port", str(port))

    message = f"error: cannot listen on 127.0.0.1 port {port}: Address already in use"
    assert ended.returncode == 1
    assert ended.stderr.startswith(message)
    assert ended.stderr.count("\n") == 1


def test_two_services_cannot_share_a_port() -> None:
    """Only the workers of one service do."""
    with serve("--workers", "2") as server:
        port = server.port
        ended = run_service("--workers", "2", "--port", str(port))

    message = f"error: cannot listen on 127.0.0.1 port {port}: Address already in use"
    assert ended.returncode == 1
    assert ended.stderr.startswith(message)


def test_the_service_does_not_import_pytorch() -> None:
    """Nor does it import other packages that only training needs."""
    program = (
        "import sys, service.__main__; "
        "print({'torch', 'onnx', 'typer'} & sys.modules.keys())"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )

    assert ended.stdout == "set()\n"
