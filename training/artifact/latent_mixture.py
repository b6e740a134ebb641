"""Gaussian mixtures of the latents of one class, whether its images are many or few."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.covariance import ledoit_wolf
from sklearn.mixture import GaussianMixture

from training.artifact.exported_model import Floats

COMPONENTS = 20  # Gaussians a class
# A component's covariance needs three times as many images as latent dimensions.
IMAGES_PER_DIMENSION = 3
MIN_IMAGES_PER_COMPONENT = 100
DRAWS = 3  # from the posterior of each image
TOLERANCE = 1e-2  # nats a draw: expectation-maximisation ends when a step gains less
# Added to each variance: latents that do not vary have a singular covariance.
MIN_VARIANCE = 1e-4
SEED = 0

Labels = NDArray[np.int64]
Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Mixture:
    """Gaussians: weights (count,), means (count, latent) and covariances."""

    weights: Doubles
    means: Doubles
    covariances: Doubles


def component_count(mean: Floats) -> int:
    """Return the number of Gaussians for posterior means (count, latent) of a class."""
    count: int
    latent_size: int
    count, latent_size = mean.shape
    fewest = max(MIN_IMAGES_PER_COMPONENT, IMAGES_PER_DIMENSION * latent_size)
    enough = count // fewest
    return min(COMPONENTS, max(1, enough))


def pooled_covariance(mean: Floats, labels: Labels) -> Doubles:
    """Return the covariance (latent, latent) of posterior means within the classes.

    It is shrunk to a multiple of the identity, by Ledoit & Wolf 2004,
    doi:10.1016/S0047-259X(03)00096-4.
    """
    deviations = mean.astype(np.float64)
    classes = np.unique(labels)
    for label in classes:
        members = labels == label
        deviations[members] -= deviations[members].mean(axis=0)
    covariance, _ = ledoit_wolf(deviations, assume_centered=True)
    degrees_of_freedom = max(1, len(labels) - len(classes))
    pooled: Doubles = covariance * len(labels) / degrees_of_freedom
    return pooled


def fit_gaussian(mean: Floats, log_variance: Floats, pooled: Doubles) -> Mixture:
    """Fit one Gaussian to the posteriors (count, latent) of a class of few images.

    The covariance of the means is shrunk to the one pooled over the classes, as in
    regularised discriminant analysis (Friedman 1989, doi:10.2307/2289860). The pooled
    one weighs as much as ``latent`` images.
    """
    count, latent_size = mean.shape
    center = mean.mean(axis=0, dtype=np.float64)
    deviations = mean - center
    scatter = deviations.T @ deviations + latent_size * pooled
    covariance = scatter / (count + latent_size)
    variance = np.exp(log_variance.astype(np.float64)).mean(axis=0) + MIN_VARIANCE
    return Mixture(
        weights=np.ones(1),
        means=center[np.newaxis],
        covariances=(covariance + np.diag(variance))[np.newaxis],
    )


def draw_posteriors(
    mean: Floats,
    log_variance: Floats,
    random: np.random.Generator,
) -> Floats:
    """Draw ``DRAWS`` latents from each posterior (count, latent)."""
    means = np.repeat(mean, DRAWS, axis=0)
    noise = random.standard_normal(means.shape, dtype=np.float32)
    deviations = np.exp(0.5 * np.repeat(log_variance, DRAWS, axis=0))
    draws: Floats = means + deviations * noise
    return draws


def fit_mixture(draws: Floats, components: int) -> Mixture:
    """Fit Gaussians of full covariance to latents (count, latent).

    The algorithm is expectation-maximisation.
    """
    mixture = GaussianMixture(
        components, tol=TOLERANCE, reg_covar=MIN_VARIANCE, random_state=SEED
    )
    mixture.fit(draws)
    return Mixture(mixture.weights_, mixture.means_, mixture.covariances_)
