"""Checks of a trained model: divergence and posterior collapse."""

import math

import torch
from torch import Tensor

from training.network.build import Network
from training.network.objective import kl_divergence

# In nats an image. To tell two equally frequent images apart takes 0.69.
COLLAPSED_KL = 0.1

# In nats a pixel: 100 times what a pixel of 256 levels can hold.
DIVERGED_KL = 100 * math.log(256)


@torch.no_grad()
def mean_kl_divergence(model: Network, pixels: Tensor) -> float:
    """Return the mean KL divergence of the posterior from the prior, in nats an image.

    Return NaN if a reconstruction from the posterior mean is not finite.

    pixels: (batch, pixels) or (batch, channels, height, width), in [0, 1].
    """
    mean, log_variance = model.encoder(pixels)
    decoded = model.decoder(mean)
    if not decoded.isfinite().all():
        return math.nan
    return kl_divergence(mean, log_variance).mean().item()


def has_diverged(divergence: float, pixels: Tensor) -> bool:
    """Return whether a mean KL divergence, in nats an image, shows a failed training.

    It is then not finite, or far more than the pixels themselves can hold.

    pixels: of the images, (batch, ...).
    """
    limit = DIVERGED_KL * pixels[0].numel()
    return not math.isfinite(divergence) or divergence > limit


def has_collapsed(divergence: float) -> bool:
    """Return whether a mean KL divergence, in nats an image, is that of the prior."""
    return divergence < COLLAPSED_KL
