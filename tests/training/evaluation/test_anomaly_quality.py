"""What is said of the anomaly score is measured as it says, and the shipped model's is good."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.samples import MODEL
from training.artifact.exported_model import ExportedModel, ModelError
from training.artifact.latent_statistics import read_statistics
from training.data.digits import Digits
from training.data.mnist import fashion_mnist
from training.evaluation.anomaly_quality import (
    AnomalyQuality,
    Detection,
    anomaly_quality,
    calibration_error,
    densities_and_scores,
    side_by_side,
)


@pytest.fixture(scope="module")
def shipped(test_digits: Digits) -> AnomalyQuality:
    """What the model of this repository makes of them."""
    model = ExportedModel(MODEL)
    return anomaly_quality(model, read_statistics(model), test_digits, None)


def test_the_shipped_model_distinguishes_digits_from_garments(
    fashion_mnist_folder: Path, test_digits: Digits
) -> None:
    """An AUROC of at least 0.98, and at least 98 % of garments above the threshold."""
    model = ExportedModel(MODEL)
    garments = fashion_mnist(fashion_mnist_folder)
    quality = anomaly_quality(model, read_statistics(model), test_digits, garments)

    assert quality.pictures["Fashion-MNIST"].auroc >= 0.98
    assert quality.pictures["Fashion-MNIST"].alarms >= 0.98


def test_the_shipped_model_tells_digits_from_noise(shipped: AnomalyQuality) -> None:
    """And less well from digits in disorder."""
    assert shipped.pictures["uniform noise"] == Detection(auroc=1.0, alarms=1.0)
    assert 0.5 < shipped.pictures["digits turned by 90°"].auroc < 1


def test_the_shipped_model_knows_new_digits(
    shipped: AnomalyQuality, test_digits: Digits
) -> None:
    """About one in a hundred gives an alarm; nearly all are told."""
    assert shipped.digits == 500
    assert shipped.alarms < 0.03
    assert shipped.class_accuracy >= 0.97
    assert 0 < shipped.class_calibration_error < 0.03
    shares = [
        shipped.alarms_by_class[str(label)]
        for label in test_digits.halves()[1].labels.tolist()
    ]
    assert sum(shares) / len(shares) == pytest.approx(shipped.alarms)


def test_the_calibrated_digits_lie_on_their_quantiles(
    model: ExportedModel, test_digits: Digits
) -> None:
    """What export saw of PyTorch's outputs, evaluation sees of the graphs': one in ten is above nine in ten."""
    statistics = read_statistics(model)
    _, scores = densities_and_scores(
        model, statistics, test_digits.halves()[0].pixels()
    )

    assert statistics.anomaly_quantiles is not None
    for percent in (10, 50, 90):
        threshold = float(statistics.anomaly_quantiles[10 * percent])
        assert (scores <= threshold).double().mean().item() == pytest.approx(
            percent / 100, abs=0.005
        )


def test_classes_that_are_ruled_out_leave_the_cross_entropy_finite(
    model: ExportedModel, test_digits: Digits
) -> None:
    """At a temperature near 0 all but one class are, and wrong ones are chosen: JSON has no word for infinity."""
    certain = replace(
        read_statistics(model), class_temperature=np.array(1e-6, np.float32)
    )
    quality = anomaly_quality(model, certain, test_digits, None)

    assert quality.class_accuracy < 1
    assert 1e3 < quality.class_cross_entropy < np.inf


def test_a_model_that_is_not_calibrated_is_refused(
    model: ExportedModel, test_digits: Digits
) -> None:
    """One that was exported before there was a score."""
    older = replace(read_statistics(model), anomaly_quantiles=None)
    with pytest.raises(
        ModelError, match="has no calibrated anomaly score: export the model again"
    ):
        anomaly_quality(model, older, test_digits, None)


def test_the_calibration_error_is_the_distance_of_confidence_and_accuracy() -> None:
    """Weighted by how many share a bin."""
    confidences = torch.tensor([0.9, 0.9, 0.9, 0.9, 1.0, 1.0], dtype=torch.float64)
    hits = torch.tensor([1, 1, 0, 0, 1, 1], dtype=torch.float64)

    assert calibration_error(confidences, hits) == pytest.approx(0.4 * 4 / 6)


def test_two_digits_side_by_side_keep_their_size_and_ink() -> None:
    """A quarter of each one's ink, in its own half."""
    left, right = torch.ones(1, 1, 28, 28), torch.zeros(1, 1, 28, 28)
    picture = side_by_side(left, right)

    assert picture.shape == (1, 1, 28, 28)
    assert picture.sum() == 14 * 14
    assert picture[0, 0, 7:21, :14].min() == 1
