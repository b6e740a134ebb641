"""Out-of-distribution detection by anomaly score, and its false alarms on digits."""

from dataclasses import dataclass

import numpy as np
import torch
from rich.progress import track
from sklearn.metrics import roc_auc_score
from torch import Tensor

from training.artifact.anomaly import anomaly_scores
from training.artifact.exported_model import ExportedModel, Floats
from training.artifact.latent_statistics import LatentStatistics
from training.artifact.model_card import ModelError
from training.data.images import LabelledImages
from training.evaluation.inference import decode, encode
from training.evaluation.ood_images import out_of_distribution_images

ALARM_LEVEL = 0.99  # quantile of the calibration digits' scores


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
    """Detection of out-of-distribution images, and false alarms on digits.

    The threshold is the 99th percentile of the calibration digits' scores.

    out_of_distribution: detection of each kind of other images, by name.
    images: number of test images not used for calibration.
    false_alarm_rate: the fraction of these images above the threshold.
    false_alarm_rate_by_label: the same for each class.
    """

    out_of_distribution: dict[str, Detection]
    images: int
    false_alarm_rate: float
    false_alarm_rate_by_label: dict[str, float]


def anomaly_quality(
    model: ExportedModel,
    statistics: LatentStatistics,
    test: LabelledImages,
    fashion: LabelledImages | None,
) -> AnomalyQuality:
    """Measure the anomaly score. Raise ModelError if it is not calibrated."""
    if statistics.anomaly_quantiles is None:
        raise ModelError(
            f"{model.folder} has no calibrated anomaly score: export the model again"
        )
    threshold = alarm_threshold(statistics.anomaly_quantiles)
    test_scores = image_scores(model, statistics, test.pixels())
    images = out_of_distribution_images(test, fashion)
    detections = {}
    for name, pixels in track(images.items(), description="detecting anomalies"):
        scores = image_scores(model, statistics, pixels)
        detections[name] = detection(test_scores, scores, threshold)
    _, digits = test.halves()
    scores = image_scores(model, statistics, digits.pixels())
    return AnomalyQuality(
        out_of_distribution=detections,
        images=len(digits),
        false_alarm_rate=alarm_rate(scores, threshold),
        false_alarm_rate_by_label=alarm_rates_by_class(
            scores, digits.labels, threshold
        ),
    )


def alarm_threshold(quantiles: Floats) -> float:
    """Return the alarm level's score, interpolated between evenly spaced quantiles."""
    levels = np.linspace(0, 1, len(quantiles))
    threshold = np.interp(ALARM_LEVEL, levels, quantiles)
    return float(threshold)


def image_scores(
    model: ExportedModel,
    statistics: LatentStatistics,
    pixels: Tensor,
) -> Tensor:
    """Return the anomaly scores (batch,) of images at their posterior means."""
    mean, _ = encode(model, pixels)
    log_densities = statistics.class_log_densities(mean)
    decoded = decode(model, mean)
    loss = model.objective.loss_of_decoded(pixels, decoded)
    return anomaly_scores(loss, log_densities)


def detection(
    digit_scores: Tensor,
    image_scores: Tensor,
    threshold: float,
) -> Detection:
    """Measure the detection of images by their scores and those of digits."""
    negatives = torch.zeros_like(digit_scores)
    positives = torch.ones_like(image_scores)
    auroc = roc_auc_score(
        torch.cat([negatives, positives]),
        torch.cat([digit_scores, image_scores]),
    )
    return Detection(float(auroc), alarm_rate(image_scores, threshold))


def alarm_rate(scores: Tensor, threshold: float) -> float:
    """Return the fraction of scores above a threshold."""
    alarms = scores > threshold
    return alarms.double().mean().item()


def alarm_rates_by_class(
    scores: Tensor,
    labels: Tensor,
    threshold: float,
) -> dict[str, float]:
    """Return the fraction of scores above a threshold for each label."""
    rates = {}
    for label in labels.unique().tolist():
        class_scores = scores[labels == label]
        rates[str(label)] = alarm_rate(class_scores, threshold)
    return rates
