"""Inference of an exported model on tensors instead of arrays."""

from typing import Protocol

import torch
from torch import Tensor

from training.artifact.exported_model import Floats
from training.data.images import LabelledImages


class Autoencoder(Protocol):
    """The interface of ``ExportedModel``; tests add models of known likelihood."""

    def encode(self, pixels: Floats) -> tuple[Floats, Floats]:
        """Return the posterior's mean and log-variance, each (batch, latent)."""

    def decode(self, latent: Floats) -> Floats:
        """Return pixels of latents (batch, latent)."""


def encode(model: Autoencoder, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the posterior's mean and log-variance, float32 (batch, latent)."""
    mean, log_variance = model.encode(pixels.numpy())
    return (
        torch.from_numpy(mean),
        torch.from_numpy(log_variance),
    )


def posterior_means(model: Autoencoder, digits: LabelledImages) -> Tensor:
    """Return the posterior means of digits, float32 (count, latent)."""
    mean, _ = encode(model, digits.pixels())
    return mean


def decode(model: Autoencoder, latent: Tensor) -> Tensor:
    """Return the pixels of latents (batch, latent), float32 in [0, 1]."""
    pixels = model.decode(latent.numpy())
    return torch.from_numpy(pixels)
