"""The variational autoencoder as PyTorch modules (arXiv:1312.6114)."""

import math

import torch
from torch import Tensor, nn

ImageShape = tuple[int, int, int]

# A border pixel that is never white has no finite logit.
MIN_MEAN = 0.001
MAX_MEAN = 0.999


class Encoder(nn.Module):
    """Pixels to the posterior q(z|x), a diagonal Gaussian.

    One hidden layer, then one layer each for the mean and the log-variance.
    """

    def __init__(
        self,
        pixel_count: int,
        hidden_size: int,
        latent_size: int,
    ) -> None:
        super().__init__()
        self.hidden = nn.Linear(pixel_count, hidden_size)
        self.mean = nn.Linear(hidden_size, latent_size)
        self.log_variance = nn.Linear(hidden_size, latent_size)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance, each (batch, latent).

        pixels: (batch, channels, height, width) in [0, 1].
        """
        inputs = pixels.flatten(start_dim=1)
        hidden = torch.relu(self.hidden(inputs))
        return self.mean(hidden), self.log_variance(hidden)


class Decoder(nn.Module):
    """Latents to pixels: one hidden layer, then one logit a pixel."""

    def __init__(
        self,
        latent_size: int,
        hidden_size: int,
        image_shape: ImageShape,
    ) -> None:
        super().__init__()
        self.image_shape = image_shape
        pixel_count = math.prod(image_shape)
        self.hidden = nn.Linear(latent_size, hidden_size)
        self.output = nn.Linear(hidden_size, pixel_count)

    def logits(self, latent: Tensor) -> Tensor:
        """Return logits (batch, channels, height, width) of latents (batch, latent)."""
        hidden = torch.relu(self.hidden(latent))
        logits: Tensor = self.output(hidden)
        return logits.reshape(-1, *self.image_shape)

    def forward(self, latent: Tensor) -> Tensor:
        """Return pixels (batch, channels, height, width) in [0, 1].

        latent: (batch, latent).
        """
        return torch.sigmoid(self.logits(latent))

    def start_at(self, mean_image: Tensor) -> None:
        """Set the last biases to the logits of an image in [0, 1].

        mean_image: (channels, height, width).
        """
        probabilities = mean_image.flatten().clamp(MIN_MEAN, MAX_MEAN)
        with torch.no_grad():
            self.output.bias.copy_(torch.logit(probabilities))


class VAE(nn.Module):
    """Encoder and decoder; by default 784-256-32-256-784, with 427,344 parameters."""

    def __init__(
        self,
        image_shape: ImageShape = (1, 28, 28),
        hidden_size: int = 256,
        latent_size: int = 32,
    ) -> None:
        super().__init__()
        self.image_shape = image_shape
        self.latent_size = latent_size
        pixel_count = math.prod(image_shape)
        self.encoder = Encoder(pixel_count, hidden_size, latent_size)
        self.decoder = Decoder(latent_size, hidden_size, image_shape)


def sample_posterior(
    mean: Tensor,
    log_variance: Tensor,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Draw z = mean + exp(log_variance / 2) * noise, with noise ~ N(0, I).

    The reparameterisation of arXiv:1312.6114, section 2.4. All shapes are
    (batch, latent). The noise comes from ``generator``, or PyTorch's global one.
    """
    noise = torch.randn(
        mean.shape,
        generator=generator,
        device=mean.device,
        dtype=mean.dtype,
    )
    return mean + torch.exp(0.5 * log_variance) * noise
