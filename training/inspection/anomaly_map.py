"""An anomaly map: residuals at several scales, in units of their normal deviation.

The residual is the image less its reconstruction. It is blurred at several scales. At
each place, scale and channel, it is compared with its mean and deviation over images
without defects, and the squares are added: a diagonal Mahalanobis distance. An image's
map score is its map's largest value.
"""

import torch
from torch import Tensor, nn

SCALES_PX = (0.7, 1.5, 3.0)  # standard deviations of the blurs
# Least deviation, relative to that of all places: a place that never varied would make
# every change there an alarm.
DEVIATION_FLOOR = 0.3
# Least deviation where no place varies; pixels are in [0, 1].
MIN_DEVIATION = 1e-4
BATCH_SIZE = 256  # images whose blurred residuals are in memory together


class Blur(nn.Module):
    """Gaussian blurs of images at each scale."""

    columns: Tensor
    rows: Tensor

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.register_buffer("columns", blur_matrices(height))
        rows = blur_matrices(width).transpose(-1, -2)
        self.register_buffer("rows", rows.contiguous())

    def forward(self, images: Tensor) -> Tensor:
        """Return features (batch, features, height, width) of images of any channels.

        There is a feature for each scale and channel; those of a scale are together.
        """
        vertical = self.columns @ images.unsqueeze(1)
        blurred = vertical @ self.rows
        return blurred.flatten(1, 2)


class AnomalyMap(nn.Module):
    """Anomaly maps of images, given their reconstructions.

    mean, deviation: of blurred residuals of images without defects, each (features,
        height, width).
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, mean: Tensor, deviation: Tensor) -> None:
        super().__init__()
        _, height, width = mean.shape
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)
        self.blur = Blur(height, width)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of the images."""
        features, height, width = self.mean.shape
        return features // len(SCALES_PX), height, width

    def forward(self, pixels: Tensor, reconstruction: Tensor) -> Tensor:
        """Return anomaly maps (batch, height, width), 0 or more.

        pixels, reconstruction: float32 (batch, channels, height, width) in [0, 1].
        """
        features = self.blur(pixels - reconstruction)
        distances = (features - self.mean) / self.deviation
        first, *others = distances.square().unbind(dim=1)
        # In a fixed order: a reduction's order, and so its rounding, depends on the
        # batch.
        total: Tensor = sum(others, start=first)
        return total


@torch.inference_mode()
def fit_anomaly_map(pixels: Tensor, reconstructions: Tensor) -> AnomalyMap:
    """Fit the mean and deviation to images without defects, of the training set.

    pixels, reconstructions: float32 (count, channels, height, width) in [0, 1].
    """
    count, channels, height, width = pixels.shape
    blur = Blur(height, width)
    shape = len(SCALES_PX) * channels, height, width
    total = torch.zeros(shape, dtype=torch.float64)
    squares = torch.zeros_like(total)
    images = pixels.split(BATCH_SIZE)
    reconstructed = reconstructions.split(BATCH_SIZE)
    for batch, reconstruction in zip(images, reconstructed, strict=True):
        features = blur(batch - reconstruction).double()
        total += features.sum(dim=0)
        squares += features.square().sum(dim=0)
    mean = total / count
    variance = squares / count - mean.square()
    variance.clamp_(min=0)
    floors = DEVIATION_FLOOR**2 * scale_variances(variance)
    deviation = torch.sqrt(variance + floors)
    deviation.clamp_(min=MIN_DEVIATION)
    return AnomalyMap(mean.float(), deviation.float()).eval()


def scale_variances(variance: Tensor) -> Tensor:
    """Return the mean variance of each feature's scale, (features, 1, 1)."""
    by_scale = variance.reshape(len(SCALES_PX), -1)
    means = by_scale.mean(dim=1)
    channels = len(variance) // len(SCALES_PX)
    by_feature = means.repeat_interleave(channels)
    return by_feature.reshape(-1, 1, 1)


def blur_matrices(size: int) -> Tensor:
    """Return the matrix of each scale's blur of a line, (scales, 1, size, size)."""
    matrices = [blur_matrix(scale, size) for scale in SCALES_PX]
    return torch.stack(matrices).unsqueeze(1)


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
