"""A small convolutional variational autoencoder, for images of any size."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from training.network.mlp import MAX_MEAN, MIN_MEAN, ImageShape

# Each stage halves height and width: (n + 2 * PADDING - KERNEL) / STRIDE + 1 = n / 2.
KERNEL = 4
STRIDE = 2
PADDING = 1
MAX_LAST_SIDE = 7  # stages follow until the shorter side has at most this length
WIDTHS = (1, 2, 4, 4, 8, 8)  # channels of each stage, in those of the first


class ConvEncoder(nn.Module):
    """Pixels to the posterior q(z|x), a diagonal Gaussian.

    Convolutions, one dense layer, then one layer each for the mean and the
    log-variance. There is no normalisation, so that an image's latent depends on no
    other image.
    """

    def __init__(
        self,
        image_shape: ImageShape,
        stages: list[int],
        hidden_size: int,
        latent_size: int,
    ) -> None:
        super().__init__()
        channels = [image_shape[0], *stages]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(inputs, outputs, KERNEL, STRIDE, PADDING)
            for inputs, outputs in pairwise(channels)
        )
        features = stages[-1] * math.prod(last_size(image_shape, len(stages)))
        self.hidden = nn.Linear(features, hidden_size)
        self.mean = nn.Linear(hidden_size, latent_size)
        self.log_variance = nn.Linear(hidden_size, latent_size)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance, each (batch, latent).

        pixels: (batch, channels, height, width) in [0, 1].
        """
        features = pixels
        for convolution in self.convolutions:
            features = torch.relu(convolution(features))
        hidden = torch.relu(self.hidden(features.flatten(start_dim=1)))
        return self.mean(hidden), self.log_variance(hidden)


class ConvDecoder(nn.Module):
    """Latents to pixels: the encoder's layers transposed, in reverse order."""

    def __init__(
        self,
        image_shape: ImageShape,
        stages: list[int],
        hidden_size: int,
        latent_size: int,
    ) -> None:
        super().__init__()
        sizes = stage_sizes(image_shape, len(stages))
        self.first_shape = (stages[-1], *sizes[-1])
        self.hidden = nn.Linear(latent_size, hidden_size)
        self.features = nn.Linear(hidden_size, math.prod(self.first_shape))
        channels = [image_shape[0], *stages]
        layers = [
            transposed(inputs, outputs, size)
            for outputs, inputs, size in zip(channels, stages, sizes[:-1], strict=False)
        ]
        self.convolutions = nn.ModuleList(reversed(layers))

    def logits(self, latent: Tensor) -> Tensor:
        """Return logits (batch, channels, height, width) of latents (batch, latent)."""
        hidden = torch.relu(self.hidden(latent))
        features = torch.relu(self.features(hidden))
        features = features.reshape(-1, *self.first_shape)
        *inner, last = self.convolutions
        for convolution in inner:
            features = torch.relu(convolution(features))
        logits: Tensor = last(features)
        return logits

    def forward(self, latent: Tensor) -> Tensor:
        """Return pixels (batch, channels, height, width) in [0, 1].

        latent: (batch, latent).
        """
        return torch.sigmoid(self.logits(latent))

    def start_at(self, mean_image: Tensor) -> None:
        """Set the last biases to the logits of the mean of each channel of an image.

        mean_image: (channels, height, width) in [0, 1].
        """
        means = mean_image.mean(dim=(1, 2)).clamp(MIN_MEAN, MAX_MEAN)
        last = self.convolutions[-1]
        assert isinstance(last.bias, Tensor)  # noqa: S101 - for the type
        with torch.no_grad():
            last.bias.copy_(torch.logit(means))


class ConvVAE(nn.Module):
    """Encoder and decoder; with 64 x 64 grey pixels 0.48 million parameters.

    channels: of the first convolution; the others have up to 8 times as many.
    """

    def __init__(
        self,
        image_shape: ImageShape,
        channels: int = 16,
        hidden_size: int = 128,
        latent_size: int = 32,
    ) -> None:
        super().__init__()
        self.image_shape = image_shape
        self.latent_size = latent_size
        stages = [channels * width for width in WIDTHS[: stage_count(image_shape)]]
        self.encoder = ConvEncoder(image_shape, stages, hidden_size, latent_size)
        self.decoder = ConvDecoder(image_shape, stages, hidden_size, latent_size)


def transposed(inputs: int, outputs: int, size: tuple[int, int]) -> nn.Module:
    """Return a transposed convolution whose output has this height and width."""
    height, width = size
    odd = (height % STRIDE, width % STRIDE)
    return nn.ConvTranspose2d(
        inputs, outputs, KERNEL, STRIDE, PADDING, output_padding=odd
    )


def stage_count(image_shape: ImageShape) -> int:
    """Return the number of convolutions for images of a shape; at least one."""
    _, height, width = image_shape
    count = 1
    while min(height, width) >> count > MAX_LAST_SIDE:
        count += 1
    return count


def stage_sizes(image_shape: ImageShape, stages: int) -> list[tuple[int, int]]:
    """Return height and width of the image, and of each stage's output."""
    _, height, width = image_shape
    return [(height >> stage, width >> stage) for stage in range(stages + 1)]


def last_size(image_shape: ImageShape, stages: int) -> tuple[int, int]:
    """Return height and width of the last stage's output."""
    return stage_sizes(image_shape, stages)[-1]
