"""What one does with an autoencoder: operations on batches of pixels and latents."""

import numpy as np
from numpy.typing import NDArray

from service.model.autoencoder import Autoencoder, Floats, Pixels


def reconstruct(autoencoder: Autoencoder, images: Pixels) -> Floats:
    """Decode the posterior means of uint8 images (batch, height, width): pixels, same shape, in [0, 1]."""
    return autoencoder.decode(autoencoder.encode(images).mean)


def interpolation_path(start: Floats, end: Floats, steps: int) -> tuple[NDArray[np.float64], Floats]:
    """Walk straight from one latent (latent,) to another in equal steps, 2 or more.

    Gives the weights of the end, (steps,) from 0 to 1, and the latents, (steps, latent); the first and the last are
    exactly ``start`` and ``end``.
    """
    weights = np.arange(steps) / (steps - 1)
    latents = np.outer(1 - weights, start) + np.outer(weights, end)
    return weights, latents.astype(np.float32)
