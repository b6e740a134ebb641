"""The operation /reconstruct, around a fake whose mean of an image is the image."""

import asyncio

import numpy as np

from service.imaging.codec import ImageCodec, ImageLimits, image_grid
from service.imaging.pixels import ImageShape, Pixels
from service.model.latent_space import posterior_samples
from service.operations.base import pixel_batch
from service.operations.limits import Limits
from service.operations.reconstruct import ReconstructRequest, reconstruct
from tests.models import UnbatchedAutoencoder
from tests.samples import FIRST, HEIGHT, LATENT_SIZE, SECOND, WIDTH, FakeAutoencoder

SHAPE = ImageShape(1, HEIGHT, WIDTH)
LIMITS = Limits(SHAPE, LATENT_SIZE, max_items=12, max_body_bytes=4096, max_latent=10)
CODEC = ImageCodec(SHAPE, ImageLimits(max_bytes=2048, max_pixels=1000))
IMAGES = CODEC.decode([FIRST, SECOND], "none")


def reconstructed(autoencoder: FakeAutoencoder, **options: object) -> Pixels:
    """Return the images that reconstruct two images."""
    body = {"images": [FIRST, SECOND], **options}
    request = ReconstructRequest.model_validate(body, context=LIMITS)
    model = UnbatchedAutoencoder(autoencoder)
    response = asyncio.run(reconstruct(request, IMAGES, model))
    return response.images.images


def test_a_reconstruction_decodes_the_mean(autoencoder: FakeAutoencoder) -> None:
    """The fake's mean is the image."""
    assert np.array_equal(reconstructed(autoencoder), pixel_batch(IMAGES))


def test_a_reconstruction_with_samples_decodes_them(
    autoencoder: FakeAutoencoder,
) -> None:
    """Those of the first image first."""
    posterior = autoencoder.encode(pixel_batch(IMAGES))
    samples = posterior_samples(posterior, 5, 3).reshape(6, 1, HEIGHT, WIDTH)
    decoded = reconstructed(autoencoder, sample=True, samples=3, seed=5)

    assert np.array_equal(decoded, image_grid(samples).images)
