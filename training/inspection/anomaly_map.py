"""An anomaly map: residuals at several scales, in units of their normal deviation.

The residual is the image less its reconstruction, divided by the image's brightness: it
grows with the light and the exposure. It is blurred at several scales. At each place,
scale and channel, it is compared with its mean and deviation over images without
defects, and the squares are added: a diagonal Mahalanobis distance. An image's map score
is its map's largest value.
"""

import torch
from torch import Tensor, nn

SCALES_PX = (0.7, 1.5, 3.0)  # standard deviations of the blurs
# Least deviation, relative to that of all places: a place that never varied would make
# every change there an alarm.
DEVIATION_FLOOR = 0.3
# Least deviation where no place varies; pixels are in [0, 1].
MIN_DEVIATION = 1e-4
MIN_BRIGHTNESS = 0.02  # of an image that is nearly black; pixels are in [0, 1]
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


class Residuals(nn.Module):
    """Blurred residuals of images of one size and any channels.

    relative: whether they are divided by the image's brightness, its mean.
    """

    def __init__(self, height: int, width: int, *, relative: bool) -> None:
        super().__init__()
        self.relative = relative
        self.blur = Blur(height, width)
        self.whole_image = nn.AvgPool2d((height, width))

    def forward(self, pixels: Tensor, reconstruction: Tensor) -> Tensor:
        """Return features (batch, features, height, width), as ``Blur`` does."""
        residual = pixels - reconstruction
        if self.relative:
            residual = residual / self.brightness(pixels)
        features: Tensor = self.blur(residual)
        return features

    def brightness(self, pixels: Tensor) -> Tensor:
        """Return the mean of each image's pixels, (batch, 1, 1, 1)."""
        channels = self.whole_image(pixels)
        mean = ordered_sum(channels) / pixels.shape[1]
        return mean.unsqueeze(1).clamp(min=MIN_BRIGHTNESS)


class AnomalyMap(nn.Module):
    """Anomaly maps of images, given their reconstructions.

    mean, deviation: of blurred residuals of images without defects, each (features,
        height, width).
    relative: whether residuals are relative to an image's brightness.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, mean: Tensor, deviation: Tensor, *, relative: bool) -> None:
        super().__init__()
        _, height, width = mean.shape
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)
        self.residuals = Residuals(height, width, relative=relative)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of the images."""
        features, height, width = self.mean.shape
        return features // len(SCALES_PX), height, width

    def forward(self, pixels: Tensor, reconstruction: Tensor) -> Tensor:
        """Return anomaly maps (batch, height, width), 0 or more.

        pixels, reconstruction: float32 (batch, channels, height, width) in [0, 1].
        """
        features = self.residuals(pixels, reconstruction)
        distances = (features - self.mean) / self.deviation
        return ordered_sum(distances.square())


def ordered_sum(features: Tensor) -> Tensor:
    """Return the sum over the second axis, to the same bit in any batch.

    A reduction's order, and so its rounding, would depend on the batch.
    """
    first, *others = features.unbind(dim=1)
    total: Tensor = sum(others, start=first)
    return total


@torch.inference_mode()
def fit_anomaly_map(
    pixels: Tensor, reconstructions: Tensor, *, relative: bool = True
) -> AnomalyMap:
    """Fit the mean and deviation to images without defects, of the training set.

    pixels, reconstructions: float32 (count, channels, height, width) in [0, 1].
    relative: whether residuals are relative to an image's brightness.
    """
    count, channels, height, width = pixels.shape
    residuals = Residuals(height, width, relative=relative)
    shape = len(SCALES_PX) * channels, height, width
    total = torch.zeros(shape, dtype=torch.float64)
    squares = torch.zeros_like(total)
    images = pixels.split(BATCH_SIZE)
    reconstructed = reconstructions.split(BATCH_SIZE)
    for batch, reconstruction in zip(images, reconstructed, strict=True):
        features = residuals(batch, reconstruction).double()
        total += features.sum(dim=0)
        squares += features.square().sum(dim=0)
    mean = total / count
    variance = squares / count - mean.square()
    variance.clamp_(min=0)
    floors = DEVIATION_FLOOR**2 * scale_variances(variance)
    deviation = torch.sqrt(variance + floors)
    deviation.clamp_(min=MIN_DEVIATION)
    return AnomalyMap(mean.float(), deviation.float(), relative=relative).eval()


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
