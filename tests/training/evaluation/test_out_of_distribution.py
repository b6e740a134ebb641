"""Detection and false alarms follow their definitions; the shipped model's are good."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.samples import MODEL
from training.artifact.exported_model import ExportedModel
from training.artifact.latent_statistics import LatentStatistics, read_statistics
from training.artifact.model_card import ModelError
from training.data.images import LabelledImages
from training.data.mnist import fashion_mnist
from training.evaluation.ood_images import out_of_distribution_images
from training.evaluation.out_of_distribution import (
    AnomalyQuality,
    Detection,
    anomaly_quality,
    image_scores,
)


def quality_of(
    model: ExportedModel,
    statistics: LatentStatistics,
    test: LabelledImages,
    fashion: LabelledImages | None,
) -> AnomalyQuality:
    """Measure on digits, the second half of which was not used for calibration."""
    _, uncalibrated = test.halves()
    others = out_of_distribution_images(test, fashion)
    return anomaly_quality(
        model, statistics, test, uncalibrated, others, model.class_names
    )


@pytest.fixture(scope="module")
def shipped(test_digits: LabelledImages) -> AnomalyQuality:
    """Return the quality of the shipped model's anomaly score."""
    model = ExportedModel(MODEL)
    return quality_of(model, read_statistics(model), test_digits, None)


def test_the_shipped_model_detects_garments(
    fashion_mnist_folder: Path, test_digits: LabelledImages
) -> None:
    """Fashion-MNIST has an AUROC and a detection rate of at least 98 %."""
    model = ExportedModel(MODEL)
    garments = fashion_mnist(fashion_mnist_folder)
    quality = quality_of(model, read_statistics(model), test_digits, garments)

    assert quality.out_of_distribution["Fashion-MNIST"].auroc >= 0.98
    assert quality.out_of_distribution["Fashion-MNIST"].detection_rate >= 0.98


def test_the_shipped_model_detects_noise(shipped: AnomalyQuality) -> None:
    """Noise is always detected, rotated digits less often."""
    assert shipped.out_of_distribution["uniform noise"] == Detection(
        auroc=1.0, detection_rate=1.0
    )
    assert 0.5 < shipped.out_of_distribution["images rotated by 90°"].auroc < 1


def test_the_shipped_model_has_few_false_alarms(
    shipped: AnomalyQuality, test_digits: LabelledImages
) -> None:
    """About 1 % of new digits give an alarm; the total is the mean over the classes."""
    assert shipped.images == 500
    assert shipped.false_alarm_rate < 0.03
    rates = [
        shipped.false_alarm_rate_by_label[str(label)]
        for label in test_digits.halves()[1].labels.tolist()
    ]
    assert sum(rates) / len(rates) == pytest.approx(shipped.false_alarm_rate)


def test_calibration_digits_lie_on_their_quantiles(
    model: ExportedModel, test_digits: LabelledImages
) -> None:
    """Scores from the graphs have the quantiles that export took from PyTorch."""
    statistics = read_statistics(model)
    calibration, _ = test_digits.halves()
    scores = image_scores(model, statistics, calibration.pixels())

    assert statistics.anomaly_quantiles is not None
    for percent in (10, 50, 90):
        threshold = float(statistics.anomaly_quantiles[10 * percent])
        assert (scores <= threshold).double().mean().item() == pytest.approx(
            percent / 100, abs=0.005
        )


def test_a_model_without_calibration_is_refused(
    model: ExportedModel, test_digits: LabelledImages
) -> None:
    """The message advises a new export."""
    older = replace(read_statistics(model), anomaly_quantiles=None)
    with pytest.raises(
        ModelError, match="has no calibrated anomaly score: export the model again"
    ):
        quality_of(model, older, test_digits, None)
