"""A model in color behind a real server, for Triton's client and for uploads."""

import io
from collections.abc import Iterator

import httpx
import numpy as np
import pytest
from PIL import Image
from tritonclient.http import InferenceServerClient, InferInput

from service.model.autoencoder import Floats
from tests.color_model import (
    HEIGHT,
    LABELS,
    WIDTH,
    color_image,
    latent_of,
    write_color_model,
)
from tests.end_to_end.server import Server, serve

RED = LABELS["red"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Running server with two workers."""
    folder = tmp_path_factory.mktemp("models") / "colors"
    write_color_model(folder)
    with serve("--model", str(folder), "--workers", "2") as server:
        yield server


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[httpx.Client]:
    """HTTP client of the server."""
    with server.client() as client:
        yield client


def tensor(name: str, values: Floats) -> InferInput:
    """Return an input of a request."""
    return InferInput(name, list(values.shape), "FP32").set_data_from_numpy(values)


def test_tritons_client_sends_images_of_three_channels(server: Server) -> None:
    """A batch of all classes is encoded and decoded exactly."""
    images = [np.asarray(color_image(color)) for color in LABELS.values()]
    levels = np.stack(images).transpose(0, 3, 1, 2)
    pixels = levels.astype(np.float32) / np.float32(255)
    with InferenceServerClient(server.url.removeprefix("http://")) as triton:
        config = triton.get_model_config("encoder")
        encoded = triton.infer("encoder", [tensor("pixels", pixels)])
        mean = encoded.as_numpy("mean")
        decoded = triton.infer("decoder", [tensor("latent", mean)]).as_numpy("pixels")

    assert config["input"][0]["dims"] == [3, HEIGHT, WIDTH]
    assert mean == pytest.approx(
        np.stack([latent_of(color) for color in LABELS.values()]), abs=1e-5
    )
    assert decoded == pytest.approx(pixels, abs=1e-6)


def test_a_photograph_is_uploaded_and_returned_in_color(client: httpx.Client) -> None:
    """A JPEG with rotation in, an RGB PNG out."""
    exif = Image.Exif()
    exif[0x0112] = 6
    content = io.BytesIO()
    Image.new("RGB", (800, 960), RED).save(content, format="JPEG", exif=exif)
    response = client.post(
        "/reconstruct?explain=true",
        content=content.getvalue(),
        headers={"Content-Type": "image/jpeg", "Accept": "image/png"},
    )
    with Image.open(io.BytesIO(response.content)) as image:
        colors = np.asarray(image)

    assert response.status_code == 200
    assert colors.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(colors.astype(int) - RED).max() <= 3


def test_the_page_shows_the_model(client: httpx.Client) -> None:
    """Its picture is an interpolation in color."""
    picture = client.get("/docs-assets/interpolation.png")
    with Image.open(io.BytesIO(picture.content)) as image:
        assert image.mode == "RGB"
        assert image.width == image.height * 11 * WIDTH // HEIGHT
    assert "vae_model_info" in client.get("/metrics").text
