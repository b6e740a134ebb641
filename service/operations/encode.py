"""POST /encode: the posterior of each image."""

from pydantic import Field

from service.imaging.codec import DecodedImages
from service.model.autoencoder import Autoencoder
from service.model.latent_space import posterior_samples
from service.operations.base import (
    EncodingRequest,
    PreprocessedResponse,
    Response,
    SampledResponse,
    SamplesRequest,
    preprocessing_of,
)
from service.operations.fields import LatentValues, latent_values


class EncodeRequest(EncodingRequest, SamplesRequest):
    """Images to encode."""


class PosteriorResponse(Response):
    """Posterior q(z|x) of one image, a diagonal Gaussian."""

    mean: LatentValues = Field(description="Mean: the image's latent.")
    log_variance: LatentValues = Field(description="Natural logarithm of the variance.")
    samples: list[LatentValues] | None = Field(
        None, description="With sample: samples from the posterior."
    )


class EncodeResponse(SampledResponse, PreprocessedResponse):
    """Posteriors of images."""

    latents: list[PosteriorResponse] = Field(
        description="Posterior of each image, in the request's order."
    )


async def encode(
    request: EncodeRequest, images: DecodedImages, model: Autoencoder
) -> EncodeResponse:
    """Encode images to latents.

    The posterior's mean is the image's latent: the input of `/decode` and
    `/interpolate`. With sample, the response has samples from the posterior as well.
    """
    fitted = preprocessing_of(images, request)
    posterior = await model.encode(images.pixels)
    means = latent_values(posterior.mean, request.encoding)
    log_variances = latent_values(posterior.log_variance, request.encoding)
    posteriors = [
        PosteriorResponse(mean=mean, log_variance=log_variance)
        for mean, log_variance in zip(means, log_variances, strict=True)
    ]
    if request.sample:
        samples = posterior_samples(posterior, request.seed, request.samples)
        posteriors = [
            each.model_copy(update={"samples": latent_values(drawn, request.encoding)})
            for each, drawn in zip(posteriors, samples, strict=True)
        ]
    return EncodeResponse(
        latents=posteriors,
        seed=request.seed if request.sample else None,
        fitted=fitted,
    )
