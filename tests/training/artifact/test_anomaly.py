"""Anomaly score, class probabilities and calibration follow their formulas."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from training.artifact.anomaly import (
    anomaly_scores,
    calibrate,
    class_log_probabilities,
    fit_temperature,
    one_hot,
)
from training.artifact.latent_statistics import LatentStatistics

STATISTICS = LatentStatistics(
    weights=np.array([0.2, 0.3, 0.5], dtype=np.float32),
    classes=np.array([3, 3, 8]),
    means=np.array([[0, 0], [4, 0], [10, -10]], dtype=np.float32),
    cholesky=np.array(
        [[[1, 0], [0, 1]], [[2, 0], [1, 1]], [[1, 0], [0, 3]]], dtype=np.float32
    ),
)


def density(latent: list[float], index: int) -> float:
    """Return one two-dimensional Gaussian's density by the textbook formula."""
    covariance = STATISTICS.cholesky[index] @ STATISTICS.cholesky[index].T
    away = np.array(latent) - STATISTICS.means[index]
    return float(
        np.exp(-0.5 * away @ np.linalg.inv(covariance) @ away)
        / math.sqrt(np.linalg.det(2 * np.pi * covariance))
    )


def test_the_score_is_the_loss_less_the_log_density() -> None:
    """The density is that of the mixture of all classes."""
    latents = [[0.0, 0.0], [3.0, 1.0], [10.0, -9.0]]
    log_densities = STATISTICS.class_log_densities(torch.tensor(latents))
    by_class = [
        [0.2 * density(latent, 0) + 0.3 * density(latent, 1), 0.5 * density(latent, 2)]
        for latent in latents
    ]

    assert log_densities.exp().numpy() == pytest.approx(np.array(by_class), rel=1e-5)
    scores = anomaly_scores(torch.tensor([1.0, 2.0, 3.0]), log_densities)
    assert scores.numpy() == pytest.approx(
        np.array([1, 2, 3]) - np.log(np.sum(by_class, axis=1)), rel=1e-5
    )


def test_the_quantiles_are_those_of_the_scores() -> None:
    """Minimum, median and maximum stand first, in the middle and last."""
    losses = torch.arange(101.0)
    latents, labels = torch.zeros(101, 2), torch.full((101,), 3)
    quantiles = calibrate(STATISTICS, losses, latents, labels).anomaly_quantiles
    (at_zero,) = (
        STATISTICS.class_log_densities(torch.zeros(1, 2)).logsumexp(dim=1).tolist()
    )

    assert quantiles is not None
    assert quantiles.shape == (1001,)
    assert quantiles[[0, 500, 1000]] + at_zero == pytest.approx([0, 50, 100], abs=1e-4)


def test_the_temperature_calibrates_confidence() -> None:
    """Log-odds that are three times too large need a temperature of three.

    A label that is not among the classes is accepted.
    """
    generator = torch.Generator().manual_seed(0)
    calibrated = 2 * torch.randn(20_000, 2, generator=generator, dtype=torch.float64)
    drawn = (
        torch.rand(20_000, generator=generator)
        < class_log_probabilities(calibrated, 1.0)[:, 1].exp()
    )

    assert fit_temperature(
        3 * calibrated, one_hot(STATISTICS, torch.where(drawn, 8, 3))
    ) == pytest.approx(3, rel=0.05)
    unknown = torch.where(drawn, 7, 3)
    assert fit_temperature(calibrated, one_hot(STATISTICS, unknown)) > 0


def test_one_class_needs_no_temperature() -> None:
    """Nor do images of unknown classes determine one."""
    densities = torch.zeros(5, 2, dtype=torch.float64)

    assert fit_temperature(densities[:, :1], torch.ones(5, 1).bool()) == 1
    assert fit_temperature(densities, torch.zeros(5, 2).bool()) == 1


def test_calibration_does_not_change_the_gaussians() -> None:
    """It is saved with them."""
    calibrated = calibrate(
        STATISTICS, torch.ones(2), torch.zeros(2, 2), torch.tensor([3, 8])
    )

    assert (
        replace(calibrated, anomaly_quantiles=None, class_temperature=None).to_bytes()
        == STATISTICS.to_bytes()
    )
    assert calibrated.to_bytes() != STATISTICS.to_bytes()
