"""POST /reconstruct: images, encoded and decoded."""

import numpy as np
from pydantic import Field

from service.imaging.codec import DecodedImages, ImageGrid, image_grid
from service.model.autoencoder import Autoencoder
from service.model.latent_space import posterior_samples
from service.operations.base import (
    ImageOutputRequest,
    ImagesResponse,
    OutputImages,
    PreprocessedResponse,
    SampledResponse,
    SamplesRequest,
    preprocessing_of,
)


class ReconstructRequest(ImageOutputRequest, SamplesRequest):
    """Images to reconstruct."""

    inputs: bool = Field(
        default=False,
        description="Whether the response also has the images as the model sees them, "
        "fitted to its size.",
    )


class ReconstructResponse(SampledResponse, ImagesResponse, PreprocessedResponse):
    """One image for each item, in the request's order.

    With samples, all samples of the first image come first.
    """

    inputs: OutputImages | None = Field(
        None,
        description="With inputs: each image as the model sees it, as a base64 PNG.",
    )


async def reconstruct(
    request: ReconstructRequest, images: DecodedImages, model: Autoencoder
) -> ReconstructResponse:
    """Encode images and decode them again.

    Decoded from the posterior's mean, so that the same image gives the same response.
    With sample, decoded from samples of the posterior.
    """
    fitted = preprocessing_of(images, request)
    given = images.pixels
    posterior = await model.encode(given)
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
        inputs=ImageGrid(given, len(given)) if request.inputs else None,
    )
