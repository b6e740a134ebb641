"""What training minimises, as the papers write it: the negative evidence lower bound, in nats per image.

Every function takes a batch and gives one number an image, summed over pixels or latents; the mean over the batch
is the trainer's.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

ObjectiveName = Literal["squared-error", "bernoulli"]


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


@dataclass(frozen=True, slots=True)
class Objective:
    """A reconstruction loss to be added to the KL divergence.

    name: ``squared-error`` is C * squared error: -log p(x|z) of a Gaussian of variance 1 / (2C), without its constant.
        ``bernoulli`` is the binary cross-entropy.
    c: the C of ``squared-error``, greater than 0. The reference's ||x - y||^2 / 2 + KL / 32 is C = 16, up to a factor.
    """

    name: ObjectiveName = "squared-error"
    c: float = 16.0

    def reconstruction_loss(self, pixels: Tensor, logits: Tensor) -> Tensor:
        """-log p(x|z) in nats, shape (batch,), up to the constant named above."""
        if self.name == "bernoulli":
            return binary_cross_entropy(pixels, logits)
        return self.c * squared_error(pixels, torch.sigmoid(logits))
