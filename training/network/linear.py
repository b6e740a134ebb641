"""The linear variational autoencoder: probabilistic PCA behind the same two graphs.

Tipping & Bishop 1999, "Probabilistic principal component analysis", section 3; a linear
VAE's optimum is the same: Lucas et al. 2019, arXiv:1911.02469.
"""

import math

import torch
from torch import Tensor, nn

from training.network.mlp import ImageShape


class LinearEncoder(nn.Module):
    """Pixels to the posterior, whose variances are those of every image.

    The product is computed in float64: in float32, components of small variance would
    depend on the order of summation by more than 1e-5.
    """

    def __init__(self, pixel_count: int, latent_size: int) -> None:
        super().__init__()
        self.mean = nn.Linear(pixel_count, latent_size, dtype=torch.float64)
        self.log_variances = nn.Parameter(torch.zeros(latent_size))

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance, each (batch, latent).

        pixels: (batch, channels, height, width) in [0, 1].
        """
        mean = self.mean(pixels.flatten(start_dim=1).double()).float()
        return mean, torch.zeros_like(mean) + self.log_variances


class LinearDecoder(nn.Module):
    """Latents to pixels, clipped to [0, 1]."""

    def __init__(self, latent_size: int, image_shape: ImageShape) -> None:
        super().__init__()
        self.image_shape = image_shape
        self.output = nn.Linear(latent_size, math.prod(image_shape))

    def forward(self, latent: Tensor) -> Tensor:
        """Return pixels (batch, channels, height, width) in [0, 1].

        latent: (batch, latent).
        """
        pixels: Tensor = self.output(latent).clamp(0, 1)
        return pixels.reshape(-1, *self.image_shape)


class LinearVAE(nn.Module):
    """Encoder and decoder; `training.fitting.linear.fit_linear` sets their weights."""

    def __init__(self, image_shape: ImageShape, latent_size: int = 32) -> None:
        super().__init__()
        self.image_shape = image_shape
        self.latent_size = latent_size
        self.encoder = LinearEncoder(math.prod(image_shape), latent_size)
        self.decoder = LinearDecoder(latent_size, image_shape)

    @torch.no_grad()
    def set_components(
        self,
        mean_image: Tensor,
        components: Tensor,
        variances: Tensor,
        noise_variance: float,
    ) -> None:
        """Set the weights of probabilistic PCA.

        mean_image: (pixels,).
        components: unit vectors of the largest variance, (latent, pixels).
        variances: of the images along each, (latent,), greater than the noise's.
        noise_variance: of a pixel, outside the components.
        """
        signal = (variances - noise_variance).sqrt()
        rows = (components * (signal / variances)[:, None]).double()
        self.encoder.mean.weight.copy_(rows)
        self.encoder.mean.bias.copy_(-(rows @ mean_image.double()))
        self.encoder.log_variances.copy_(torch.log(noise_variance / variances))
        self.decoder.output.weight.copy_((components * signal[:, None]).t())
        self.decoder.output.bias.copy_(mean_image)
