"""Inference of an autoencoder on tensors instead of arrays, in batches."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from training.artifact.exported_model import Floats
from training.data.images import MAX_LEVEL, LabelledImages
from training.network.objective import Objective

BATCH_SIZE = 500  # images decoded together, whose losses are computed in float64
MAX_VALUES = 2**26  # of pixels encoded together: 256 MB


class Autoencoder(Protocol):
    """The interface of ``ExportedModel``; tests add models of known likelihood."""

    def encode(self, pixels: Floats) -> tuple[Floats, Floats]:
        """Return the posterior's mean and log-variance, each (batch, latent)."""

    def decode(self, latent: Floats) -> Floats:
        """Return pixels of latents (batch, latent)."""


class TrainedAutoencoder(Autoencoder, Protocol):
    """An autoencoder, and the part of its training that its measures depend on."""

    @property
    def latent_size(self) -> int:
        """Number of latent dimensions."""

    @property
    def objective(self) -> Objective:
        """The objective that training minimised."""

    @property
    def binarized(self) -> bool:
        """Return whether training drew each pixel black or white."""


class Network(Protocol):
    """PyTorch modules of an autoencoder."""

    latent_size: int

    def encoder(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the posterior's mean and log-variance, each (batch, latent)."""

    def decoder(self, latent: Tensor) -> Tensor:
        """Return pixels of latents (batch, latent)."""


@dataclass(frozen=True, slots=True)
class TorchAutoencoder:
    """A network in PyTorch with the interface of an exported model."""

    network: Network
    objective: Objective
    binarized: bool = False

    @property
    def latent_size(self) -> int:
        """Number of latent dimensions."""
        return self.network.latent_size

    def encode(self, pixels: Floats) -> tuple[Floats, Floats]:
        """Return the posterior's mean and log-variance, each (batch, latent)."""
        with torch.inference_mode():
            mean, log_variance = self.network.encoder(torch.from_numpy(pixels))
        return mean.numpy(), log_variance.numpy()

    def decode(self, latent: Floats) -> Floats:
        """Return pixels (batch, channels, height, width) of latents (batch, latent)."""
        with torch.inference_mode():
            pixels: Floats = self.network.decoder(torch.from_numpy(latent)).numpy()
        return pixels


def encode(model: Autoencoder, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the posterior's mean and log-variance, float32 (batch, latent)."""
    return encode_batches(model, pixels.split(encoding_batch_size(pixels)))


def encode_images(
    model: Autoencoder,
    images: LabelledImages,
) -> tuple[Tensor, Tensor]:
    """Return the posteriors of images without all of their pixels in memory."""
    levels = images.images.split(encoding_batch_size(images.images))
    return encode_batches(model, (batch.float() / MAX_LEVEL for batch in levels))


def encode_batches(
    model: Autoencoder,
    batches: Iterable[Tensor],
) -> tuple[Tensor, Tensor]:
    """Return the joined posteriors of batches of pixels."""
    means = []
    log_variances = []
    for pixels in batches:
        mean, log_variance = model.encode(pixels.numpy())
        means.append(torch.from_numpy(mean))
        log_variances.append(torch.from_numpy(log_variance))
    return torch.cat(means), torch.cat(log_variances)


def encoding_batch_size(images: Tensor) -> int:
    """Return the number of images (count, ...) to encode together."""
    return max(1, MAX_VALUES // images[0].numel())


def reconstruction_losses(
    model: TrainedAutoencoder,
    images: LabelledImages,
    latent: Tensor,
) -> Tensor:
    """Return -log p(x|z) in nats, float64 (count,), up to the objective's constant."""
    losses = []
    levels = images.images.split(BATCH_SIZE)
    for batch, latents in zip(levels, latent.split(BATCH_SIZE), strict=True):
        decoded = decode(model, latents)
        pixels = batch.float() / MAX_LEVEL
        losses.append(model.objective.loss_of_decoded(pixels, decoded))
    return torch.cat(losses)


def posterior_means(model: Autoencoder, images: LabelledImages) -> Tensor:
    """Return the posterior means of images, float32 (count, latent)."""
    mean, _ = encode_images(model, images)
    return mean


def decode(model: Autoencoder, latent: Tensor) -> Tensor:
    """Return the pixels of latents (batch, latent), float32 in [0, 1]."""
    batches = [model.decode(batch.numpy()) for batch in latent.split(BATCH_SIZE)]
    return torch.cat([torch.from_numpy(pixels) for pixels in batches])
