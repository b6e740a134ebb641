"""Out-of-distribution detection by anomaly score, and its false alarms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from rich.progress import track
from sklearn.metrics import roc_auc_score
from torch import Tensor

from training.artifact.anomaly import anomaly_scores
from training.artifact.exported_model import Floats
from training.artifact.inference import (
    BATCH_SIZE,
    TrainedAutoencoder,
    decode,
    encode,
)
from training.artifact.latent_statistics import LatentStatistics
from training.artifact.model_card import ModelError
from training.data.images import LabelledImages

ALARM_LEVEL = 0.99  # quantile of the calibration images' scores


@dataclass(frozen=True, slots=True)
class Detection:
    """Detection of one kind of out-of-distribution images.

    auroc: area under the ROC curve, these images against all test images.
    detection_rate: the fraction of these images above the threshold.
    """

    auroc: float
    detection_rate: float


@dataclass(frozen=True, slots=True)
class AnomalyQuality:
    """Detection of out-of-distribution images, and false alarms on the model's own kind.

    The threshold is the 99th percentile of the calibration images' scores.

    out_of_distribution: detection of each kind of other images, by name.
    images: number of test images not used for calibration.
    false_alarm_rate: the fraction of these images above the threshold.
    false_alarm_rate_by_label: the same for each class, by its name.
    """

    out_of_distribution: dict[str, Detection]
    images: int
    false_alarm_rate: float
    false_alarm_rate_by_label: dict[str, float]


def anomaly_quality(  # noqa: PLR0913, PLR0917 - everything that a measure depends on
    model: TrainedAutoencoder,
    statistics: LatentStatistics,
    test: LabelledImages,
    uncalibrated: LabelledImages,
    others: Mapping[str, Tensor],
    class_names: Sequence[str] = (),
) -> AnomalyQuality:
    """Measure the anomaly score. Raise ModelError if it is not calibrated.

    test: images to detect the others among.
    uncalibrated: those of them that were not used for calibration.
    others: pixels of out-of-distribution images, by the name of their kind.
    class_names: names that the labels index; without, no false alarms by class.
    """
    if statistics.anomaly_quantiles is None:
        raise ModelError(
            "the model has no calibrated anomaly score: export the model again"
        )
    threshold = alarm_threshold(statistics.anomaly_quantiles)
    detections = {}
    if others:
        test_scores = image_scores(model, statistics, test.pixels())
    for name, pixels in track(others.items(), description="scoring other images"):
        scores = image_scores(model, statistics, pixels)
        detections[name] = detection(test_scores, scores, threshold)
    scores = image_scores(model, statistics, uncalibrated.pixels())
    rates = alarm_rates_by_class(scores, uncalibrated.labels, threshold)
    return AnomalyQuality(
        out_of_distribution=detections,
        images=len(uncalibrated),
        false_alarm_rate=alarm_rate(scores, threshold),
        false_alarm_rate_by_label={
            class_names[label]: rate for label, rate in rates.items() if class_names
        },
    )


def alarm_threshold(quantiles: Floats) -> float:
    """Return the alarm level's score, interpolated between evenly spaced quantiles."""
    levels = np.linspace(0, 1, len(quantiles))
    threshold = np.interp(ALARM_LEVEL, levels, quantiles)
    return float(threshold)


def image_scores(
    model: TrainedAutoencoder,
    statistics: LatentStatistics,
    pixels: Tensor,
) -> Tensor:
    """Return the anomaly scores (batch,) of images at their posterior means."""
    scores = []
    for batch in pixels.split(BATCH_SIZE):
        mean, _ = encode(model, batch)
        log_densities = statistics.class_log_densities(mean)
        decoded = decode(model, mean)
        loss = model.objective.loss_of_decoded(batch, decoded)
        scores.append(anomaly_scores(loss, log_densities))
    return torch.cat(scores)


def detection(
    test_scores: Tensor,
    other_scores: Tensor,
    threshold: float,
) -> Detection:
    """Measure the detection of other images by their scores and those of test images."""
    negatives = torch.zeros_like(test_scores)
    positives = torch.ones_like(other_scores)
    auroc = roc_auc_score(
        torch.cat([negatives, positives]),
        torch.cat([test_scores, other_scores]),
    )
    return Detection(float(auroc), alarm_rate(other_scores, threshold))


def alarm_rate(scores: Tensor, threshold: float) -> float:
    """Return the fraction of scores above a threshold."""
    alarms = scores > threshold
    return alarms.double().mean().item()


def alarm_rates_by_class(
    scores: Tensor,
    labels: Tensor,
    threshold: float,
) -> dict[int, float]:
    """Return the fraction of scores above a threshold for each label."""
    rates = {}
    for label in labels.unique().tolist():
        class_scores = scores[labels == label]
        rates[label] = alarm_rate(class_scores, threshold)
    return rates
