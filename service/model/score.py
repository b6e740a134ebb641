"""How well a model knows images: reconstruction, evidence lower bound, how unusual they are, and what they show."""

from dataclasses import dataclass

import numpy as np

from service.model.autoencoder import (
    Autoencoder,
    Floats,
    Pixels,
    Posterior,
    unit_pixels,
)
from service.model.card import Objective
from service.model.noise import Doubles
from service.model.statistics import LatentStatistics

PROBABILITY_EPSILON = 1e-7  # float32 pixels cannot tell a probability from 1 any closer


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Figures of images at their posterior means.

    squared_error: (batch,), between pixels in [0, 1], summed.
    kl_divergence: (batch,), from the prior, in nats.
    elbo: (batch,), in nats; for squared error without the Gaussian's constant.
    anomaly_percentile: (batch,), in [0, 100], the share of new digits that are less unusual; None where that was not
        measured.
    probabilities: (batch, classes), of the statistics' ``labels``; no columns where classes are not known.
    """

    squared_error: Doubles
    kl_divergence: Doubles
    elbo: Doubles
    anomaly_percentile: Doubles | None
    probabilities: Doubles


def score(autoencoder: Autoencoder, images: Pixels) -> Scores:
    """Score uint8 images (batch, height, width).

    Nothing is drawn: the latent is the posterior mean, so that the ELBO is higher than its mean over the posterior.
    """
    posterior = autoencoder.encode(images)
    pixels, decoded = unit_pixels(images), autoencoder.decode(posterior.mean)
    loss, kl = (
        reconstruction_loss(autoencoder.card.objective, pixels, decoded),
        kl_divergence(posterior),
    )
    statistics = autoencoder.statistics
    log_densities = statistics.class_log_densities(posterior.mean)
    return Scores(
        squared_error(pixels, decoded),
        kl,
        -loss - kl,
        percentiles(statistics, loss - np.logaddexp.reduce(log_densities, axis=1)),
        softmax(log_densities / statistics.class_temperature),
    )


def squared_error(pixels: Floats, decoded: Floats) -> Doubles:
    """The squared distance, (batch,), between two batches of pixels."""
    distances: Doubles = np.square(pixels - decoded).sum(axis=(1, 2), dtype=np.float64)
    return distances


def reconstruction_loss(
    objective: Objective, pixels: Floats, decoded: Floats
) -> Doubles:
    """-log p(x|z) in nats, (batch,), as training has it.

    ``squared-error``: of a Gaussian of variance 1 / (2C), without its constant. Else each pixel is a Bernoulli
    variable, and this is the binary cross-entropy: Kingma & Welling 2014, arXiv:1312.6114, appendix C.
    """
    if objective.c is not None:
        return objective.c * squared_error(pixels, decoded)
    white = decoded.astype(np.float64).clip(
        PROBABILITY_EPSILON, 1 - PROBABILITY_EPSILON
    )
    losses: Doubles = -(pixels * np.log(white) + (1 - pixels) * np.log1p(-white)).sum(
        axis=(1, 2)
    )
    return losses


def kl_divergence(posterior: Posterior) -> Doubles:
    """KL(N(mean, variance) || N(0, I)) in nats, (batch,): arXiv:1312.6114, appendix B."""
    mean, log_variance = (
        posterior.mean.astype(np.float64),
        posterior.log_variance.astype(np.float64),
    )
    divergences: Doubles = 0.5 * (
        np.square(mean) + np.exp(log_variance) - 1 - log_variance
    ).sum(axis=1)
    return divergences


def percentiles(
    statistics: LatentStatistics, anomaly_scores: Doubles
) -> Doubles | None:
    """Where anomaly scores lie among those of new digits, in percent.

    An anomaly score is -log p(x|z) - log p(z) in nats, with the mixtures of all classes as p(z): they know better than
    the prior where digits lie.
    """
    quantiles = statistics.anomaly_quantiles
    return (
        np.interp(anomaly_scores, quantiles, np.linspace(0, 100, quantiles.size))
        if quantiles.size
        else None
    )


def softmax(logits: Doubles) -> Doubles:
    """Probabilities, the same shape, whose logarithms are the logits but for a constant in each row."""
    probabilities: Doubles = np.exp(
        logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    )
    return probabilities
