"""Estimated likelihood of images: importance sampling from the model's posterior."""

from collections.abc import Callable, Iterator

import torch
from rich.progress import track
from torch import Generator, Tensor

from training.artifact.exported_model import ExportedModel
from training.artifact.inference import Autoencoder, decode, encode
from training.data.binarize import binarize
from training.data.images import LabelledImages
from training.network.mlp import sample_posterior
from training.network.objective import (
    PROBABILITY_EPSILON,
    log_importance_weight,
    log_mean_exp,
)

SEED = 0
BERNOULLI_OBJECTIVES = {"bernoulli", "importance-weighted"}
IMPORTANCE_SAMPLES = 5_000  # as in published likelihoods of MNIST
BATCH_SIZE = 500  # latents decoded at a time; their pixels fit the processor's cache

LogLikelihood = Callable[[Tensor, Tensor], Tensor]


def negative_log_likelihood(
    model: ExportedModel,
    test: LabelledImages,
    samples: int = IMPORTANCE_SAMPLES,
) -> float | None:
    """Return the mean of -log p(x) in nats of binarised test digits.

    Return None for an objective whose pixels are not Bernoulli variables.
    """
    if model.objective.name not in BERNOULLI_OBJECTIVES:
        return None
    generator = Generator().manual_seed(SEED)
    pixels = binarize(test.pixels(), generator)
    estimates = negative_log_likelihoods(
        model,
        pixels,
        samples,
        bernoulli_log_likelihood,
        generator,
    )
    description = "estimating the likelihood"
    values = list(track(estimates, total=len(test), description=description))
    return sum(values) / len(values)


def negative_log_likelihoods(
    model: Autoencoder,
    pixels: Tensor,
    samples: int,
    log_likelihood: LogLikelihood,
    generator: Generator,
) -> Iterator[float]:
    """Estimate -log p(x) in nats, image by image, with sums in float64.

    arXiv:1509.00519, equation 8. The expected estimate is above the true value and
    falls towards it as ``samples`` grows.

    log_likelihood: function of an image and decoded pixels (batch, ...) that returns
        log p(x|z), float64 (batch,).
    """
    means, log_variances = encode(model, pixels)
    images = zip(pixels, means, log_variances, strict=True)
    for image, mean, log_variance in images:
        latent = sample_posterior(
            mean.expand(samples, -1),
            log_variance.expand(samples, -1),
            generator,
        )
        log_likelihoods = []
        for batch in latent.split(BATCH_SIZE):
            decoded = decode(model, batch)
            log_likelihoods.append(log_likelihood(image, decoded))
        log_weights = log_importance_weight(
            torch.cat(log_likelihoods),
            latent.double(),
            mean.double(),
            log_variance.double(),
        )
        yield -log_mean_exp(log_weights).item()


def bernoulli_log_likelihood(pixels: Tensor, decoded: Tensor) -> Tensor:
    """Return log p(x|z) in nats, float64 (batch,), of one image's Bernoulli pixels.

    pixels: 0 or 1.
    decoded: the probabilities of 1, (batch, ...).
    """
    probability = (decoded - (1 - pixels)).abs_()
    log_probability = probability.clamp_(min=PROBABILITY_EPSILON).log_()
    by_image = log_probability.flatten(start_dim=1)
    return by_image.sum(dim=1, dtype=torch.float64)
