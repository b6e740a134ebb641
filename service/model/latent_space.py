"""What one does with an autoencoder: operations on batches of pixels and latents."""

import math

import numpy as np

from service.model.autoencoder import Autoencoder, Floats, Pixels, Posterior
from service.model.noise import Doubles, normals, uniforms
from service.model.statistics import Labels, LatentStatistics

RADIUS = 1.5  # of the data, in square roots of the latent's length: 99.9 % of test digits lie within


def reconstruct(
    autoencoder: Autoencoder, images: Pixels, seed: int | None = None, samples: int = 1
) -> Floats:
    """Decode uint8 images (batch, height, width) again: pixels in [0, 1], from the posterior means, same shape.

    With a seed, from so many draws from each posterior instead: (batch * samples, height, width), the first image's
    first.
    """
    posterior = autoencoder.encode(images)
    latents = (
        posterior.mean
        if seed is None
        else np.concatenate(posterior_samples(posterior, seed, samples))
    )
    return autoencoder.decode(latents)


def posterior_samples(posterior: Posterior, seed: int, samples: int) -> Floats:
    """Draws from the posterior of each image, (batch, samples, latent).

    The noise of the n-th draw of the i-th image follows from seed, i and n, whatever else is drawn.
    """
    batch, size = posterior.mean.shape
    noise = normals(
        uniforms(seed, batch, samples * 2 * size).reshape(batch, samples, 2 * size)
    )
    deviation = np.exp(posterior.log_variance / 2)
    return (posterior.mean[:, np.newaxis] + deviation[:, np.newaxis] * noise).astype(
        np.float32
    )


def prior_samples(
    latent_size: int, seed: int, count: int, temperature: float
) -> Floats:
    """Draws from the prior, (count, latent), scaled by ``temperature``; the i-th follows from seed and i."""
    return (temperature * normals(uniforms(seed, count, 2 * latent_size))).astype(
        np.float32
    )


def mixture_samples(
    statistics: LatentStatistics,
    seed: int,
    count: int,
    labels: Labels | None,
    temperature: float,
) -> Floats:
    """Draws from mixtures, (count, latent), as ``LatentStatistics.draw``; the i-th follows from seed and i."""
    return statistics.draw(
        uniforms(seed, count, 1 + 2 * statistics.means.shape[1]), labels, temperature
    )


def weighted_sum(latents: Floats, weights: Doubles) -> Floats:
    """The sum, (latent,), of latents (count, latent), each times its weight (count,)."""
    return (weights @ latents.astype(np.float64)).astype(np.float32)


def clip_factor(latent: Floats) -> float:
    """By how much a latent (latent,) must be scaled to lie where data does: 1 where it does already.

    Data lies about the origin as the prior does, which training pulls it to: of the samplers of the model in this
    repository all together, the mean is 0.06 from it, and variances are 0.78 to 1.29 in any direction. The length of a
    draw from the prior has a root mean square of the square root of its number of coordinates; ``RADIUS`` is counted in
    that.
    """
    length = float(np.linalg.norm(latent.astype(np.float64)))
    return min(1.0, RADIUS * math.sqrt(latent.size) / length) if length else 1.0


def traversal(start: Floats, dimensions: list[int], offsets: Doubles) -> Floats:
    """Latents (dimensions * offsets, latent) about one, (latent,): for each dimension, each offset added to it."""
    grid = np.tile(start.astype(np.float64), (len(dimensions), len(offsets), 1))
    for row, dimension in zip(grid, dimensions, strict=True):
        row[:, dimension] += offsets
    return np.concatenate(grid).astype(np.float32)
