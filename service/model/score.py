"""Scores of images: reconstruction, evidence lower bound, classification."""

import math
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

PROBABILITY_EPSILON = 1e-7  # the resolution of float32 pixels near 1


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Scores of images, computed at their posterior means.

    squared_error: (batch,), summed over pixels in [0, 1].
    kl_divergence: (batch,), from the prior, in nats.
    elbo: (batch,), in nats; with squared error, without the Gaussian's constant.
    probabilities: (batch, classes), in the order of the statistics'
        ``class_numbers``; no columns if there are no statistics.
    """

    squared_error: Doubles
    kl_divergence: Doubles
    elbo: Doubles
    probabilities: Doubles


async def score(autoencoder: Autoencoder, pixels: Pixels) -> Scores:
    """Score uint8 images (batch, channels, height, width).

    No samples are drawn: the latent is the posterior mean, so the ELBO is higher than
    its expectation over the posterior.
    """
    posterior = await autoencoder.encode(pixels)
    decoded = await autoencoder.decode(posterior.mean)

    originals = unit_pixels(pixels)
    loss = reconstruction_loss(autoencoder.card.objective, originals, decoded)
    kl = kl_divergence(posterior)

    statistics = autoencoder.statistics
    log_densities = statistics.class_log_densities(posterior.mean)
    return Scores(
        squared_error=squared_error(originals, decoded),
        kl_divergence=kl,
        elbo=-loss - kl,
        probabilities=softmax(log_densities / statistics.class_temperature),
    )


def squared_error(pixels: Floats, decoded: Floats) -> Doubles:
    """Return the squared distance between images and their reconstructions, (batch,)."""
    squares = np.square(pixels - decoded)
    errors: Doubles = squares.sum(axis=pixel_axes(squares), dtype=np.float64)
    return errors


def reconstruction_loss(
    objective: Objective,
    pixels: Floats,
    decoded: Floats,
) -> Doubles:
    """Return -log p(x|z) in nats, (batch,), by the objective of training.

    With ``squared-error``, p(x|z) is a Gaussian of variance 1 / (2C), without its
    constant; with ``gaussian``, one of the variance in the card. Otherwise each pixel
    is a Bernoulli variable, and this is the binary cross-entropy: Kingma & Welling
    2014, arXiv:1312.6114, appendix C.
    """
    if objective.c is not None:
        return objective.c * squared_error(pixels, decoded)
    if objective.variance is not None:
        errors = squared_error(pixels, decoded)
        return gaussian_loss(errors, decoded[0].size, objective.variance)
    probabilities = decoded.astype(np.float64)
    highest = 1 - PROBABILITY_EPSILON
    white = probabilities.clip(PROBABILITY_EPSILON, highest)
    if_white = pixels * np.log(white)
    if_black = (1 - pixels) * np.log1p(-white)
    log_likelihoods = if_white + if_black
    axes = pixel_axes(log_likelihoods)
    losses: Doubles = -log_likelihoods.sum(axis=axes)
    return losses


def gaussian_loss(squared_errors: Doubles, size: int, variance: float) -> Doubles:
    """Return -log N(x; y, variance) in nats, (batch,), of ``size`` numbers an image.

    Rybkin et al. 2021, arXiv:2006.13202, equation 4.
    """
    constant = size * math.log(2 * math.pi * variance)
    return (squared_errors / variance + constant) / 2


def pixel_axes(images: Floats | Doubles) -> tuple[int, ...]:
    """Return all axes of a batch of images but the first."""
    return tuple(range(1, images.ndim))


def kl_divergence(posterior: Posterior) -> Doubles:
    """Return KL(q(z|x) || N(0, I)) in nats, (batch,): arXiv:1312.6114, appendix B."""
    mean = posterior.mean.astype(np.float64)
    log_variance = posterior.log_variance.astype(np.float64)
    variance = np.exp(log_variance)
    doubled = np.square(mean) + variance - 1 - log_variance
    divergences: Doubles = 0.5 * doubled.sum(axis=1)
    return divergences


def softmax(logits: Doubles) -> Doubles:
    """Return the probabilities of logits (batch, classes), same shape."""
    normalizers = np.logaddexp.reduce(logits, axis=1, keepdims=True)
    probabilities: Doubles = np.exp(logits - normalizers)
    return probabilities
