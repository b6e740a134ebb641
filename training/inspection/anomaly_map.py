"""An anomaly map: residuals at several scales, in units of their normal deviation.

The residual is the image less its reconstruction. It is blurred at several scales. At
each place, scale and channel, it is compared with its mean and deviation over images
without defects, and the squares are added: a diagonal Mahalanobis distance. An image's
score is its map's largest value.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

SCALES_PX = (0.7, 1.5, 3.0)  # standard deviations of the blurs
# Least deviation, relative to that of all places: a place that never varied would make
# every change there an alarm.
DEVIATION_FLOOR = 0.3
BATCH_SIZE = 256  # images whose blurred residuals are in memory together


@dataclass(frozen=True, slots=True)
class ResidualStatistics:
    """Means and deviations of blurred residuals of images without defects.

    Each has shape (features, height, width); there is a feature for each scale and
    channel.
    """

    mean: Tensor
    deviation: Tensor

    def maps(self, pixels: Tensor, reconstructions: Tensor) -> Tensor:
        """Return anomaly maps (batch, height, width), 0 or more.

        pixels, reconstructions: float32 (batch, channels, height, width) in [0, 1].
        """
        batches = residual_batches(pixels, reconstructions)
        return torch.cat([self._batch_maps(residuals) for residuals in batches])

    def _batch_maps(self, residuals: Tensor) -> Tensor:
        """Return the anomaly maps of residuals."""
        features = blurred(residuals)
        distances = (features - self.mean) / self.deviation
        squares = distances.square()
        return squares.sum(dim=1)


def fit_residuals(pixels: Tensor, reconstructions: Tensor) -> ResidualStatistics:
    """Return the statistics of images without defects, of the training set.

    pixels, reconstructions: float32 (count, channels, height, width) in [0, 1], with at
    least two images.
    """
    count, channels, height, width = pixels.shape
    feature_count = len(SCALES_PX) * channels
    shape = feature_count, height, width
    total = torch.zeros(shape, dtype=torch.float64)
    squares = torch.zeros_like(total)
    for residuals in residual_batches(pixels, reconstructions):
        features = blurred(residuals).double()
        total += features.sum(dim=0)
        squares += features.square().sum(dim=0)
    mean = total / count
    variance = squares / count - mean.square()
    variance.clamp_(min=0)
    floors = DEVIATION_FLOOR**2 * scale_variances(variance, channels)
    deviation = torch.sqrt(variance + floors)
    return ResidualStatistics(mean.float(), deviation.float())


def scale_variances(variance: Tensor, channels: int) -> Tensor:
    """Return each scale's mean variance at its features, (features, 1, 1)."""
    by_scale = variance.reshape(len(SCALES_PX), -1)
    means = by_scale.mean(dim=1)
    by_feature = means.repeat_interleave(channels)
    return by_feature.reshape(-1, 1, 1)


def residual_batches(pixels: Tensor, reconstructions: Tensor) -> Iterator[Tensor]:
    """Yield images less their reconstructions, in batches."""
    images = pixels.split(BATCH_SIZE)
    reconstructed = reconstructions.split(BATCH_SIZE)
    for batch, reconstruction in zip(images, reconstructed, strict=True):
        yield batch - reconstruction


def blurred(residuals: Tensor) -> Tensor:
    """Return residuals blurred at each scale: (batch, features, height, width)."""
    height, width = residuals.shape[2:]
    features = []
    for scale in SCALES_PX:
        columns = blur_matrix(scale, height)
        rows = blur_matrix(scale, width)
        features.append(columns @ residuals @ rows.t())
    return torch.cat(features, dim=1)


def blur_matrix(scale: float, size: int) -> Tensor:
    """Return the Gaussian blur of a line of pixels as a matrix (size, size).

    At the edges the weights are those of the pixels that exist, so that each row's sum
    is 1.
    """
    places = torch.arange(size, dtype=torch.float64)
    distances = places[:, None] - places
    exponents = distances.square() / (2 * scale**2)
    weights = torch.exp(-exponents)
    sums = weights.sum(dim=1, keepdim=True)
    normalized: Tensor = weights / sums
    return normalized.float()
