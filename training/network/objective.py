"""What training minimises, as the papers write it: the negative evidence lower bound, in nats per image.

Every function takes a batch and gives one number an image, summed over pixels or latents; the mean over the batch
is the trainer's.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

ObjectiveName = Literal["squared-error", "bernoulli", "importance-weighted"]
LOG_2_PI = math.log(2 * math.pi)
PROBABILITY_EPSILON = 1e-7  # float32 pixels cannot tell a probability from 1 any closer


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, variance) || N(0, I)) in nats, shape (batch,), of (batch, latent): arXiv:1312.6114, appendix B."""
    return 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance).sum(dim=1)


def squared_error(pixels: Tensor, reconstruction: Tensor) -> Tensor:
    """The squared distance, shape (batch,), between two batches of pixels in [0, 1]."""
    return (pixels - reconstruction).square().flatten(start_dim=1).sum(dim=1)


def binary_cross_entropy(pixels: Tensor, logits: Tensor) -> Tensor:
    """-log p(x|z) in nats, shape (batch,), each pixel in [0, 1] a Bernoulli variable with the given logit."""
    loss = functional.binary_cross_entropy_with_logits(logits, pixels, reduction="none")
    return loss.flatten(start_dim=1).sum(dim=1)


def log_normal(latent: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """The log-density of N(mean, variance) at the latents, in nats, summed over the last axis; the shapes broadcast."""
    squares = (latent - mean).square() * torch.exp(-log_variance)
    return -0.5 * (LOG_2_PI + log_variance + squares).sum(dim=-1)


def log_importance_weight(
    log_likelihood: Tensor, latent: Tensor, mean: Tensor, log_variance: Tensor
) -> Tensor:
    """The log p(x|z) + log p(z) - log q(z|x) in nats: arXiv:1509.00519, equation 7.

    log_likelihood: log p(x|z), (samples, batch).
    latent: z, (samples, batch, latent), drawn from the posterior whose ``mean`` and ``log_variance`` are
        (batch, latent).
    """
    zero = torch.zeros((), device=latent.device, dtype=latent.dtype)
    return (
        log_likelihood
        + log_normal(latent, zero, zero)
        - log_normal(latent, mean, log_variance)
    )


def log_mean_exp(log_weights: Tensor) -> Tensor:
    """Logarithm of the mean, over the first axis, of weights whose logarithms are given."""
    return log_weights.logsumexp(dim=0) - math.log(len(log_weights))


@dataclass(frozen=True, slots=True)
class Loss:
    """What training minimises and the two parts of the negative ELBO, each in nats, shape (batch,).

    shares: (samples, batch), of each draw in the gradient, 1 together: arXiv:1509.00519, equation 14.
    """

    total: Tensor
    reconstruction: Tensor
    kl: Tensor
    shares: Tensor


@dataclass(frozen=True, slots=True)
class Objective:
    """What training minimises, of one or more posterior samples an image.

    name: ``squared-error`` is the KL divergence + C * squared error: -log p(x|z) of a Gaussian of variance 1 / (2C),
        without its constant. ``bernoulli`` is the KL divergence + binary cross-entropy. ``importance-weighted`` is
        -log mean_k p(x|z_k) p(z_k) / q(z_k|x) with the same cross-entropy (arXiv:1509.00519, equation 8).
    c: the C of ``squared-error``, greater than 0. The reference's ||x - y||^2 / 2 + KL / 32 is C = 16, up to a factor.
    importance_samples: the k of ``importance-weighted``; the others draw one sample.
    """

    name: ObjectiveName = "squared-error"
    c: float = 16.0
    importance_samples: int = 5

    @property
    def samples(self) -> int:
        """Posterior samples an image."""
        return self.importance_samples if self.name == "importance-weighted" else 1

    def reconstruction_loss(self, pixels: Tensor, logits: Tensor) -> Tensor:
        """-log p(x|z) in nats, shape (batch,), up to the constant named above."""
        if self.name == "squared-error":
            return self.c * squared_error(pixels, torch.sigmoid(logits))
        return binary_cross_entropy(pixels, logits)

    def loss_of_decoded(self, pixels: Tensor, decoded: Tensor) -> Tensor:
        """The same, in float64, of decoded pixels in [0, 1] instead of logits."""
        return self.reconstruction_loss(
            pixels.double(), torch.logit(decoded.double(), eps=PROBABILITY_EPSILON)
        )

    def loss(
        self,
        reconstruction: Tensor,
        mean: Tensor,
        log_variance: Tensor,
        latents: Tensor,
    ) -> Loss:
        """The loss of a batch, given the posterior (batch, latent) and ``samples`` draws from it.

        reconstruction: -log p(x|z) of each draw, (samples, batch).
        latents: (samples, batch, latent).
        """
        kl = kl_divergence(mean, log_variance)
        if self.name != "importance-weighted":
            return Loss(
                reconstruction[0] + kl,
                reconstruction[0],
                kl,
                torch.ones_like(reconstruction),
            )
        log_weights = log_importance_weight(
            -reconstruction, latents, mean, log_variance
        )
        return Loss(
            -log_mean_exp(log_weights),
            reconstruction.mean(dim=0),
            kl,
            log_weights.softmax(dim=0),
        )
