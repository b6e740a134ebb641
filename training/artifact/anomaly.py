"""Anomaly score and class probabilities, calibrated on images outside the training set.

The score is -log p(x|z) - log p(z) at the posterior mean z, in nats: the reconstruction
loss of the model's objective, and the latent's density under the mixtures of
``latent_statistics``, which describe the images' latents better than the prior does.
Class probabilities follow from the same densities by Bayes' rule.
"""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from training.artifact.inference import (
    TrainedAutoencoder,
    encode_images,
    posterior_means,
    reconstruction_losses,
)
from training.artifact.latent_statistics import LatentStatistics, fit
from training.data.images import LabelledImages

QUANTILES = 1001  # from 0 % to 100 % in steps of 0.1 %
# Neighbouring candidates differ by 2.3 %.
TEMPERATURES = torch.logspace(-1, 2, 301, dtype=torch.float64)


def anomaly_scores(reconstruction_loss: Tensor, log_densities: Tensor) -> Tensor:
    """Return scores in nats, up to the objective's constant, shape (batch,).

    reconstruction_loss: -log p(x|z), (batch,).
    log_densities: log p(class) p(z|class), (batch, classes).
    """
    return reconstruction_loss - log_densities.logsumexp(dim=1)


def fit_calibrated(
    model: TrainedAutoencoder,
    train: LabelledImages,
    calibration: LabelledImages,
) -> LatentStatistics:
    """Fit a model's latent mixtures to training images; calibrate them on others."""
    mean, log_variance = encode_images(model, train)
    statistics = fit(mean.numpy(), log_variance.numpy(), train.labels.numpy())
    latents = posterior_means(model, calibration)
    loss = reconstruction_losses(model, calibration, latents)
    return calibrate(statistics, loss, latents, calibration.labels)


def calibrate(
    statistics: LatentStatistics,
    reconstruction_loss: Tensor,
    latents: Tensor,
    labels: Tensor,
) -> LatentStatistics:
    """Return statistics with the score's quantiles and the classes' temperature.

    Both are fitted to images outside the training set, given by their reconstruction
    losses (batch,), posterior means (batch, latent) and labels (batch,).

    anomaly_quantiles: float32 (1001,), the scores that 0 %, 0.1 % ... 100 % of these
        images do not exceed, interpolated between the scores of single images.
    class_temperature: float32 (), the divisor of log-densities that gives calibrated
        class probabilities; 1 where there is one class, or no image of a known one.
    """
    log_densities = statistics.class_log_densities(latents)
    scores = anomaly_scores(reconstruction_loss, log_densities)
    levels = np.linspace(0, 1, QUANTILES)
    quantiles = np.quantile(scores.numpy(), levels)
    targets = one_hot(statistics, labels)
    temperature = fit_temperature(log_densities, targets)
    return replace(
        statistics,
        anomaly_quantiles=quantiles.astype(np.float32),
        class_temperature=np.array(temperature, dtype=np.float32),
    )


def fit_temperature(log_densities: Tensor, targets: Tensor) -> float:
    """Return the temperature with the lowest cross-entropy.

    Temperature scaling: Guo et al. 2017, arXiv:1706.04599, section 4.2.

    targets: bool (batch, classes), True at each latent's class.
    """
    if targets.shape[1] == 1 or not targets.any():
        return 1.0
    losses = []
    for temperature in TEMPERATURES.tolist():
        log_probabilities = class_log_probabilities(log_densities, temperature)
        loss = -log_probabilities[targets].mean()
        losses.append(loss)
    best = torch.stack(losses).argmin()
    return TEMPERATURES[best].item()


def class_log_probabilities(log_densities: Tensor, temperature: float) -> Tensor:
    """Return log p(class|z), (batch, classes); a temperature above 1 flattens it."""
    return (log_densities / temperature).log_softmax(dim=1)


def one_hot(statistics: LatentStatistics, labels: Tensor) -> Tensor:
    """Return bool (batch, classes), True at each label's class; classes ascend.

    A label that is not a class of the statistics has no True.
    """
    classes = np.unique(statistics.classes)
    return labels.unsqueeze(1) == torch.from_numpy(classes)
