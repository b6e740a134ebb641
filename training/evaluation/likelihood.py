"""The likelihood of images under a model, estimated by importance sampling from its own posterior."""

from collections.abc import Callable, Iterator
from typing import Protocol

import torch
from torch import Tensor

from training.artifact.exported_model import Floats
from training.network.mlp import sample_posterior
from training.network.objective import (
    PROBABILITY_EPSILON,
    log_importance_weight,
    log_mean_exp,
)

IMPORTANCE_SAMPLES = 5_000  # what published likelihoods of MNIST are estimated with
BATCH_SIZE = (
    500  # latents decoded at a time: what comes out stays in the processor's cache
)

LogLikelihood = Callable[[Tensor, Tensor], Tensor]


class Autoencoder(Protocol):
    """What is measured: a ``training.artifact.exported_model.ExportedModel``, or a model whose likelihood is known."""

    def encode(self, pixels: Floats) -> tuple[Floats, Floats]:
        """Posterior mean and log-variance, each (batch, latent)."""

    def decode(self, latent: Floats) -> Floats:
        """Pixels of latents (batch, latent)."""


def negative_log_likelihoods(
    model: Autoencoder,
    pixels: Tensor,
    samples: int,
    log_likelihood: LogLikelihood,
    generator: torch.Generator,
) -> Iterator[float]:
    """Estimate -log p(x) in nats, image by image: arXiv:1509.00519, equation 8, with sums in float64.

    On average the estimate is above the true value; it falls towards it as ``samples`` grow.
    """
    means, log_variances = (
        torch.from_numpy(half) for half in model.encode(pixels.numpy())
    )
    for image, mean, log_variance in zip(pixels, means, log_variances, strict=True):
        posterior = mean.expand(samples, -1), log_variance.expand(samples, -1)
        latent = sample_posterior(*posterior, generator)
        batches = [
            torch.from_numpy(model.decode(batch.numpy()))
            for batch in latent.split(BATCH_SIZE)
        ]
        log_likelihoods = torch.cat(
            [log_likelihood(image, decoded) for decoded in batches]
        )
        weights = log_importance_weight(
            log_likelihoods, latent.double(), mean.double(), log_variance.double()
        )
        yield -log_mean_exp(weights).item()


def bernoulli_log_likelihood(pixels: Tensor, decoded: Tensor) -> Tensor:
    """The log p(x|z) in nats, float64 (batch,), of one image's pixels, each 0 or 1, given decoded (batch, ...)."""
    probability = (decoded - (1 - pixels)).abs_().clamp_(min=PROBABILITY_EPSILON)
    return probability.log_().flatten(start_dim=1).sum(dim=1, dtype=torch.float64)
