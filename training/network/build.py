"""The network that a recipe names."""

from typing import Literal

from training.network.conv import ConvVAE
from training.network.linear import LinearVAE
from training.network.mlp import VAE, ImageShape

NetworkName = Literal["mlp", "conv", "linear"]
Network = VAE | ConvVAE | LinearVAE


def make_network(
    name: NetworkName,
    image_shape: ImageShape,
    channels: int,
    hidden_size: int,
    latent_size: int,
) -> Network:
    """Return a network with random initial weights.

    channels: of the first convolution; for ``conv`` alone.
    hidden_size: for ``mlp`` and ``conv``.
    """
    if name == "conv":
        return ConvVAE(image_shape, channels, hidden_size, latent_size)
    if name == "linear":
        return LinearVAE(image_shape, latent_size)
    return VAE(image_shape, hidden_size, latent_size)
