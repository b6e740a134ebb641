"""POST /reconstruct: images, encoded and decoded."""

import numpy as np

from service.imaging.codec import DecodedImage, image_grid
from service.model.autoencoder import Autoencoder
from service.model.latent_space import posterior_samples
from service.operations.base import (
    ImageOutputRequest,
    ImagesResponse,
    PreprocessedResponse,
    SampledResponse,
    SamplesRequest,
    pixel_batch,
    preprocessing_of,
)


class ReconstructRequest(ImageOutputRequest, SamplesRequest):
    """Images to reconstruct."""


class ReconstructResponse(SampledResponse, ImagesResponse, PreprocessedResponse):
    """One image for each item, in the request's order.

    With samples, all samples of the first image come first.
    """


async def reconstruct(
    request: ReconstructRequest, images: list[DecodedImage], model: Autoencoder
) -> ReconstructResponse:
    """Encode images and decode them again.

    Decoded from the posterior's mean, so that the same image gives the same response.
    With sample, decoded from samples of the posterior.
    """
    fitted = preprocessing_of(images, request)
    posterior = await model.encode(pixel_batch(images))
    latents = posterior.mean
    if request.sample:
        samples = posterior_samples(posterior, request.seed, request.samples)
        latents = np.concatenate(samples)
    pixels = await model.decode(latents)
    columns = request.samples if request.samples > 1 else None
    return ReconstructResponse(
        images=image_grid(pixels, columns, scale=request.scale),
        seed=request.seed if request.sample else None,
        fitted=fitted,
    )
