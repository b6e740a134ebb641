"""Operations on latents, and on images by way of their latents."""

import math

import numpy as np

from service.model.autoencoder import Floats, Posterior
from service.model.noise import Doubles, normals, uniforms
from service.model.statistics import Classes, LatentStatistics

# Radius of the data, in units of the square root of the latent size. 99.9 % of the test
# images of the model in this repository lie within it.
RADIUS = 1.5


def posterior_samples(
    posterior: Posterior,
    seed: int,
    samples: int,
) -> Floats:
    """Draw from each image's posterior, float32 (batch, samples, latent).

    The noise of draw n of image i depends on the seed, i and n alone.
    """
    batch, size = posterior.mean.shape
    uniform = uniforms(seed, batch, samples * 2 * size)
    by_sample = uniform.reshape(batch, samples, 2 * size)
    noise = normals(by_sample)
    deviation = np.exp(posterior.log_variance / 2)
    scaled = deviation[:, np.newaxis] * noise
    latents = posterior.mean[:, np.newaxis] + scaled
    return latents.astype(np.float32)


def prior_samples(
    latent_size: int,
    seed: int,
    count: int,
    temperature: float,
) -> Floats:
    """Draw from the prior, scaled by ``temperature``: float32 (count, latent).

    Draw i depends on the seed and i alone.
    """
    uniform = uniforms(seed, count, 2 * latent_size)
    noise = normals(uniform)
    latents = temperature * noise
    return latents.astype(np.float32)


def mixture_samples(
    statistics: LatentStatistics,
    seed: int,
    count: int,
    classes: Classes | None,
    temperature: float,
) -> Floats:
    """Draw from the classes' mixtures: float32 (count, latent).

    Draw i depends on the seed and i alone; ``LatentStatistics.draw`` explains
    ``classes`` and ``temperature``.
    """
    latent_size = statistics.means.shape[1]
    uniform = uniforms(seed, count, 1 + 2 * latent_size)
    return statistics.draw(uniform, classes, temperature)


def weighted_sum(latents: Floats, weights: Doubles) -> Floats:
    """Sum latents (count, latent) times their weights (count,): float32 (latent,)."""
    doubles = latents.astype(np.float64)
    total = weights @ doubles
    return total.astype(np.float32)


def clip_factor(latent: Floats) -> float:
    """Return the factor, at most 1, that scales a latent (latent,) to the data's radius.

    Training pulls the distribution of the data towards the prior. The mixtures of the
    model in this repository together have a mean at a distance of 0.06 from the origin,
    and variances of 0.78 to 1.29 in any direction. Samples of the prior have a root
    mean square norm of the square root of the latent size, the unit of ``RADIUS``.
    """
    doubles = latent.astype(np.float64)
    length = float(np.linalg.norm(doubles))
    if length == 0:
        return 1.0
    radius = RADIUS * math.sqrt(latent.size)
    return min(1.0, radius / length)


def traversal(
    start: Floats,
    dimensions: list[int],
    offsets: Doubles,
) -> Floats:
    """Return latents that differ from ``start`` (latent,) in one dimension each.

    Shape (dimensions * offsets, latent): for each dimension, each offset added to it.
    """
    repeats = (len(dimensions), len(offsets), 1)
    doubles = start.astype(np.float64)
    grid = np.tile(doubles, repeats)
    for row, dimension in zip(grid, dimensions, strict=True):
        row[:, dimension] += offsets
    latents = np.concatenate(grid)
    return latents.astype(np.float32)
