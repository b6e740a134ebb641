"""What the service needs of a variational autoencoder, whatever computes it."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from service.model.card import ModelCard
from service.model.errors import InferenceError
from service.model.statistics import LatentStatistics

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
WHITE = np.float32(255)  # of uint8 pixels


@dataclass(frozen=True, slots=True)
class Posterior:
    """q(z|x), a diagonal Gaussian for each image: mean and natural logarithm of the variance, each (batch, latent)."""

    mean: Floats
    log_variance: Floats

    def __getitem__(self, images: slice) -> "Posterior":
        """That of some of the images."""
        return Posterior(self.mean[images], self.log_variance[images])


class Autoencoder(Protocol):
    """Encoder and decoder of one model, each a single batched call."""

    @property
    def card(self) -> ModelCard:
        """What the model is; gives ``image_shape`` (1, height, width) and ``latent_size``."""

    @property
    def statistics(self) -> LatentStatistics:
        """Where the classes lie in latent space, as far as that is known."""

    def encode(self, pixels: Pixels | Floats) -> Posterior:
        """The posterior of images (batch, height, width), white ink on black, uint8 or float32 in [0, 1].

        Raises InferenceError.
        """

    def decode(self, latents: Floats) -> Floats:
        """Pixels (batch, height, width) in [0, 1] of latents (batch, latent). Raises InferenceError."""


def unit_pixels(pixels: Pixels | Floats) -> Floats:
    """The pixels as float32 in [0, 1]: uint8 is divided by 255, float32 stays as it is."""
    return (
        pixels.astype(np.float32) / WHITE
        if pixels.dtype == np.uint8
        else np.asarray(pixels, dtype=np.float32)
    )


def check_inference(autoencoder: Autoencoder) -> None:
    """Run two black images through both graphs: one that is alone may pass where a batch would not.

    Raises InferenceError unless finite numbers of the right shape come out.
    """
    _, height, width = autoencoder.card.image_shape
    posterior = autoencoder.encode(np.zeros((2, height, width), dtype=np.uint8))
    pixels = autoencoder.decode(posterior.mean)
    for name, values, shape in (
        ("mean", posterior.mean, (2, autoencoder.card.latent_size)),
        ("log_variance", posterior.log_variance, (2, autoencoder.card.latent_size)),
        ("pixels", pixels, (2, height, width)),
    ):
        if values.shape != shape or not np.isfinite(values).all():
            raise InferenceError(
                f"a test inference gave {name} of shape {values.shape} or not finite, not {shape}"
            )
