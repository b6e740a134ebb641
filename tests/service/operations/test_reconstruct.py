"""POST /reconstruct, with a fake model whose reconstructions are the images."""

import asyncio

import numpy as np

from service.imaging.codec import ImageCodec, ImageLimits, image_grid
from service.imaging.pixels import Pixels
from service.model.latent_space import posterior_samples
from service.operations.reconstruct import ReconstructRequest, reconstruct
from tests.models import UnbatchedAutoencoder
from tests.samples import (
    FIRST,
    HEIGHT,
    SECOND,
    WIDTH,
    FakeAutoencoder,
    grey_png,
    pixels_of,
)
from tests.service.conftest import Client
from tests.service.operations.conftest import LIMITS, SHAPE

CODEC = ImageCodec(SHAPE, ImageLimits(max_bytes=2048, max_pixels=1000))
IMAGES = CODEC.decode([FIRST, SECOND], "none")


def reconstructed(autoencoder: FakeAutoencoder, **options: object) -> Pixels:
    """Return the reconstructions of two images, without HTTP."""
    body = {"images": [FIRST, SECOND], **options}
    request = ReconstructRequest.model_validate(body, context=LIMITS)
    model = UnbatchedAutoencoder(autoencoder)
    response = asyncio.run(reconstruct(request, IMAGES, model))
    return response.images.images


def test_a_reconstruction_decodes_the_mean(autoencoder: FakeAutoencoder) -> None:
    """The fake's mean is the image."""
    assert np.array_equal(reconstructed(autoencoder), IMAGES.pixels)


def test_a_reconstruction_with_samples_decodes_them(
    autoencoder: FakeAutoencoder,
) -> None:
    """The samples of the first image come first."""
    posterior = autoencoder.encode(IMAGES.pixels)
    samples = posterior_samples(posterior, 5, 3).reshape(6, 1, HEIGHT, WIDTH)
    decoded = reconstructed(autoencoder, sample=True, samples=3, seed=5)

    assert np.array_equal(decoded, image_grid(samples).images)


def test_the_images_as_the_model_sees_them_are_returned(client: Client) -> None:
    """Only if they are asked for; the fake's reconstructions are the same."""
    large = grey_png([[0, 0, 9, 9], [0, 0, 9, 9]] * 2)
    response = client.operate("/reconstruct", images=[large], inputs=True)

    assert response["inputs"] == response["images"]
    assert "inputs" not in client.operate("/reconstruct", images=[large])


def test_images_are_in_the_order_of_the_request(client: Client) -> None:
    """The same image may be there twice."""
    given = [FIRST, SECOND, FIRST]
    images = client.operate("/reconstruct", images=given)["images"]

    assert len(images) == 3
    for image, original in zip(images, given, strict=True):
        assert np.array_equal(pixels_of(image), pixels_of(original))


def test_all_images_are_computed_in_one_call_of_each_graph(
    client: Client, autoencoder: FakeAutoencoder
) -> None:
    """Three images are one batch."""
    autoencoder.batches.clear()
    client.operate("/reconstruct", images=[FIRST, SECOND, FIRST])

    assert autoencoder.batches == [3, 3]


def test_all_grey_levels_are_preserved(
    client: Client, random: np.random.Generator
) -> None:
    """Through JSON, base64, PNG, float32 and back, no pixel changes."""
    pixels = random.integers(0, 256, size=(4, 2, 3))
    given = [grey_png(image.tolist()) for image in pixels]
    images = client.operate("/reconstruct", images=given)["images"]

    assert [pixels_of(image).tolist() for image in images] == pixels.tolist()
