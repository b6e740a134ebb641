"""Training objectives in the papers' notation: the negative ELBO in nats an image.

ELBO is the evidence lower bound. Every function takes a batch and returns one number an
image, summed over pixels or latents; the trainer takes the mean over the batch.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

ObjectiveName = Literal["squared-error", "gaussian", "bernoulli", "importance-weighted"]

LOG_2_PI = math.log(2 * math.pi)
PROBABILITY_EPSILON = 1e-7  # float32 pixels resolve a probability near 1 no better


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return KL(N(mean, variance) || N(0, I)) in nats, shape (batch,).

    Both arguments are (batch, latent). arXiv:1312.6114, appendix B.
    """
    terms = mean.square() + log_variance.exp() - 1.0 - log_variance
    return 0.5 * terms.sum(dim=1)


def squared_error(pixels: Tensor, reconstruction: Tensor) -> Tensor:
    """Return the squared distance between batches of pixels in [0, 1], (batch,)."""
    squares = (pixels - reconstruction).square()
    return squares.flatten(start_dim=1).sum(dim=1)


def gaussian_loss(squared_errors: Tensor, size: int, variance: float) -> Tensor:
    """Return -log N(x; y, variance) in nats, (batch,).

    Rybkin et al. 2021, arXiv:2006.13202, equation 4.

    squared_errors: |x - y|^2, (batch,).
    size: numbers in each x.
    """
    constant = size * math.log(2 * math.pi * variance)
    return (squared_errors / variance + constant) / 2


def binary_cross_entropy(pixels: Tensor, logits: Tensor) -> Tensor:
    """Return -log p(x|z) in nats, shape (batch,), for Bernoulli pixels.

    pixels: in [0, 1].
    logits: of the probability that a pixel is 1, in the same shape.
    """
    loss = functional.binary_cross_entropy_with_logits(logits, pixels, reduction="none")
    return loss.flatten(start_dim=1).sum(dim=1)


def log_normal(latent: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return the log-density of N(mean, variance) at the latents, in nats.

    It is summed over the last axis. The shapes broadcast.
    """
    squares = (latent - mean).square() * torch.exp(-log_variance)
    return -0.5 * (LOG_2_PI + log_variance + squares).sum(dim=-1)


def log_importance_weight(
    log_likelihood: Tensor,
    latent: Tensor,
    mean: Tensor,
    log_variance: Tensor,
) -> Tensor:
    """Return log p(x|z) + log p(z) - log q(z|x) in nats, shape (samples, batch).

    arXiv:1509.00519, equation 7.

    log_likelihood: log p(x|z), (samples, batch).
    latent: z, (samples, batch, latent), drawn from the posterior.
    mean, log_variance: of the posterior, (batch, latent).
    """
    zero = torch.zeros((), device=latent.device, dtype=latent.dtype)
    log_prior = log_normal(latent, zero, zero)
    log_posterior = log_normal(latent, mean, log_variance)
    return log_likelihood + log_prior - log_posterior


def log_mean_exp(log_weights: Tensor) -> Tensor:
    """Return the log of the mean over the first axis of exp(log_weights)."""
    return log_weights.logsumexp(dim=0) - math.log(len(log_weights))


@dataclass(frozen=True, slots=True)
class Loss:
    """The minimised loss and the two parts of the negative ELBO.

    total, reconstruction, kl: in nats, (batch,).
    shares: weight of each sample in the gradient, (samples, batch), with sum 1 over the
        samples: arXiv:1509.00519, equation 14.
    """

    total: Tensor
    reconstruction: Tensor
    kl: Tensor
    shares: Tensor


@dataclass(frozen=True, slots=True)
class Objective:
    """The loss to minimise, from one or more posterior samples an image.

    name: ``squared-error`` is KL divergence + C * squared error: -log p(x|z) of a
        Gaussian of variance 1 / (2C), without its constant. ``gaussian`` is the same
        with a learned variance, and with its constant. ``bernoulli`` is KL
        divergence + binary cross-entropy. ``importance-weighted`` is
        -log mean_k p(x|z_k) p(z_k) / q(z_k|x) with the same cross-entropy
        (arXiv:1509.00519, equation 8).
    c: the C of ``squared-error``, greater than 0. The reference's
        ||x - y||^2 / 2 + KL / 32 is C = 16, up to a factor.
    variance: of a pixel, of ``gaussian``.
    importance_samples: the k of ``importance-weighted``; the others draw one sample.
    """

    name: ObjectiveName = "squared-error"
    c: float = 16.0
    importance_samples: int = 5
    variance: float = 1.0

    @property
    def samples(self) -> int:
        """Posterior samples an image."""
        if self.name == "importance-weighted":
            return self.importance_samples
        return 1

    def reconstruction_loss(self, pixels: Tensor, logits: Tensor) -> Tensor:
        """Return -log p(x|z) in nats, (batch,), up to the constant named above."""
        if self.name == "squared-error":
            decoded = torch.sigmoid(logits)
            return self.c * squared_error(pixels, decoded)
        if self.name == "gaussian":
            errors = squared_error(pixels, torch.sigmoid(logits))
            return gaussian_loss(errors, pixels[0].numel(), self.variance)
        return binary_cross_entropy(pixels, logits)

    def loss_of_decoded(self, pixels: Tensor, decoded: Tensor) -> Tensor:
        """Return the reconstruction loss of decoded pixels in [0, 1], as float64."""
        logits = torch.logit(decoded.double(), eps=PROBABILITY_EPSILON)
        return self.reconstruction_loss(pixels.double(), logits)

    def loss(
        self,
        reconstruction: Tensor,
        mean: Tensor,
        log_variance: Tensor,
        latents: Tensor,
    ) -> Loss:
        """Return the loss of a batch, from ``samples`` draws of the posterior.

        reconstruction: -log p(x|z) of each draw, (samples, batch).
        mean, log_variance: of the posterior, (batch, latent).
        latents: the draws, (samples, batch, latent).
        """
        kl = kl_divergence(mean, log_variance)
        if self.name != "importance-weighted":
            return Loss(
                total=reconstruction[0] + kl,
                reconstruction=reconstruction[0],
                kl=kl,
                shares=torch.ones_like(reconstruction),
            )
        log_weights = log_importance_weight(
            -reconstruction, latents, mean, log_variance
        )
        return Loss(
            total=-log_mean_exp(log_weights),
            reconstruction=reconstruction.mean(dim=0),
            kl=kl,
            shares=log_weights.softmax(dim=0),
        )
