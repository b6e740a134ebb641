"""The variational autoencoder's interface, independent of the inference library."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from service.model.calibration import Calibration
from service.model.card import ModelCard
from service.model.cost import ModelCost
from service.model.errors import InferenceError, NoInspectorError
from service.model.statistics import LatentStatistics

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
MAX_UINT8 = np.float32(255)
TEST_BATCH = 2  # with a single image, a batch axis that is fixed at 1 would pass


@dataclass(frozen=True, slots=True)
class Posterior:
    """q(z|x), a diagonal Gaussian for each image.

    mean: float32 (batch, latent).
    log_variance: float32 (batch, latent), the natural logarithm of the variance.
    """

    mean: Floats
    log_variance: Floats

    def __getitem__(self, images: slice) -> "Posterior":
        """Return the posterior of some of the images."""
        return Posterior(
            mean=self.mean[images],
            log_variance=self.log_variance[images],
        )


class Autoencoder(Protocol):
    """Encoder and decoder of one model, batched with concurrent requests."""

    @property
    def card(self) -> ModelCard:
        """The model card, with ``image_shape`` and ``latent_size``."""

    @property
    def statistics(self) -> LatentStatistics:
        """The classes' distributions in latent space, empty where not known."""

    @property
    def calibration(self) -> Calibration | None:
        """Calibration of inspections; None if the model cannot inspect."""

    async def encode(self, pixels: Pixels | Floats) -> Posterior:
        """Return the posterior of images (batch, channels, height, width).

        Pixels are uint8, or float32 in [0, 1]. Raises InferenceError.
        """

    async def decode(self, latents: Floats) -> Floats:
        """Decode latents (batch, latent) to images.

        Returns float32 (batch, channels, height, width) in [0, 1]. Raises
        InferenceError.
        """

    async def map_anomalies(self, pairs: Floats) -> Floats:
        """Return anomaly maps (batch, height, width), 0 or more.

        pairs: float32 (batch, 2 * channels, height, width) in [0, 1], the channels of
        each image and then those of its reconstruction. Raises InferenceError.
        """

    def report_percentiles(
        self, scores: Sequence[float], brightness: Sequence[float]
    ) -> None:
        """Report the percentiles of inspected images, for the metrics."""


class Backend(Protocol):
    """Encoder and decoder of one model, one synchronous call a batch."""

    @property
    def card(self) -> ModelCard:
        """The model card, with ``image_shape`` and ``latent_size``."""

    @property
    def statistics(self) -> LatentStatistics:
        """The classes' distributions in latent space, empty where not known."""

    @property
    def calibration(self) -> Calibration | None:
        """Calibration of inspections; None if the model cannot inspect."""

    @property
    def cost(self) -> ModelCost:
        """Processor time of one image."""

    def encode(self, pixels: Pixels | Floats) -> Posterior:
        """Return the posterior of images, as ``Autoencoder.encode`` does."""

    def decode(self, latents: Floats) -> Floats:
        """Decode latents to images, as ``Autoencoder.decode`` does."""

    def map_anomalies(self, pairs: Floats) -> Floats:
        """Return anomaly maps, as ``Autoencoder.map_anomalies`` does."""


def unit_pixels(pixels: Pixels | Floats) -> Floats:
    """Return pixels as float32 in [0, 1]; uint8 is divided by 255."""
    if pixels.dtype == np.uint8:
        return pixels.astype(np.float32) / MAX_UINT8
    return np.asarray(pixels, dtype=np.float32)


def require_calibration(model: Autoencoder | Backend) -> Calibration:
    """Return the calibration of a model. Raises NoInspectorError if there is none."""
    calibration = model.calibration
    if calibration is None:
        raise NoInspectorError
    return calibration


def check_inference(backend: Backend) -> None:
    """Encode and decode two black images, and inspect them if the model can.

    Raises InferenceError unless the results have the card's shapes and are finite.
    """
    card = backend.card
    image_shape = (TEST_BATCH, *card.image_shape)
    latent_shape = (TEST_BATCH, card.latent_size)

    images = np.zeros(image_shape, dtype=np.uint8)
    posterior = backend.encode(images)
    decoded = backend.decode(posterior.mean)

    check_output("mean", posterior.mean, latent_shape)
    check_output("log_variance", posterior.log_variance, latent_shape)
    check_output("pixels", decoded, image_shape)
    if backend.calibration is not None:
        pairs = np.concatenate([unit_pixels(images), decoded], axis=1)
        _, _, height, width = image_shape
        maps = backend.map_anomalies(pairs)
        check_output("map", maps, (TEST_BATCH, height, width))


def check_output(name: str, values: Floats, shape: tuple[int, ...]) -> None:
    """Raise InferenceError unless values have this shape and are finite."""
    if values.shape != shape:
        raise InferenceError(
            f"a test inference returned {name} of shape {values.shape}, not {shape}"
        )
    if not np.isfinite(values).all():
        raise InferenceError(
            f"a test inference returned {name} with values that are not finite"
        )
