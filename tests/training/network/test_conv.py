"""The convolutional network fits images of any size and colour."""

import pytest
import torch

from training.network.conv import ConvVAE
from training.network.mlp import ImageShape

SHAPES = [(1, 28, 28), (3, 32, 32), (1, 48, 64), (3, 50, 35), (3, 64, 64), (1, 7, 9)]


@pytest.mark.parametrize("shape", SHAPES)
def test_pixels_keep_their_shape(shape: ImageShape) -> None:
    """The decoder returns images of the encoder's input shape, in [0, 1]."""
    network = ConvVAE(shape, channels=4, hidden_size=16, latent_size=5)
    pixels = torch.rand(3, *shape)

    mean, log_variance = network.encoder(pixels)
    decoded = network.decoder(mean)

    assert mean.shape == log_variance.shape == (3, 5)
    assert decoded.shape == pixels.shape
    assert decoded.min() >= 0
    assert decoded.max() <= 1


@pytest.mark.parametrize(
    ("shape", "hidden_size", "latent_size", "parameters"),
    [
        ((1, 28, 28), 128, 32, 432_545),
        ((1, 64, 64), 128, 32, 489_569),
        ((3, 64, 64), 128, 64, 502_947),
        ((3, 128, 128), 256, 64, 1_577_571),
    ],
)
def test_the_family_has_up_to_two_million_parameters(
    shape: ImageShape, hidden_size: int, latent_size: int, parameters: int
) -> None:
    """The sizes that the documentation names have these numbers of parameters."""
    network = ConvVAE(shape, 16, hidden_size, latent_size)

    assert sum(each.numel() for each in network.parameters()) == parameters


def test_an_untrained_decoder_can_start_at_the_mean_colour() -> None:
    """The last biases are the logits of each channel's mean."""
    network = ConvVAE((3, 32, 32), channels=4, hidden_size=16, latent_size=5)
    mean_image = torch.tensor([0.2, 0.5, 0.0]).reshape(3, 1, 1).expand(3, 32, 32)

    network.decoder.start_at(mean_image)

    last = network.decoder.convolutions[-1]
    expected = torch.tensor([0.2, 0.5, 0.001])
    assert isinstance(last.bias, torch.Tensor)
    torch.testing.assert_close(torch.sigmoid(last.bias), expected)
