"""How well the anomaly score tells digits from what is none, and how often it is wrong about digits."""

from dataclasses import dataclass

import numpy as np
import torch
from rich.progress import track
from sklearn.metrics import roc_auc_score
from torch import Tensor
from torch.nn import functional

from training.artifact.anomaly import anomaly_scores, class_log_probabilities, is_class
from training.artifact.exported_model import ExportedModel, ModelError
from training.artifact.latent_statistics import LatentStatistics
from training.data.digits import Digits
from training.network.objective import Objective

ALARM = 0.99  # the share of digits below the score that counts as an alarm
CONFIDENCE_BINS = 15
SEED = 0


@dataclass(frozen=True, slots=True)
class Detection:
    """How pictures of one kind are told from digits.

    auroc: how often such a picture has a higher score than a digit.
    alarms: share of them above the 99th percentile.
    """

    auroc: float
    alarms: float


@dataclass(frozen=True, slots=True)
class AnomalyQuality:
    """What is no digit, told from the test digits, and those of them judged that calibration has not seen.

    pictures: what is no digit, by name.
    digits: how many are judged.
    alarms: share of them above the 99th percentile.
    alarms_by_class: the same of each digit.
    class_accuracy: share whose most likely digit is right.
    class_cross_entropy: mean -log p(right digit) in nats.
    class_calibration_error: mean distance of confidence and accuracy in 15 bins of confidence.
    """

    pictures: dict[str, Detection]
    digits: int
    alarms: float
    alarms_by_class: dict[str, float]
    class_accuracy: float
    class_cross_entropy: float
    class_calibration_error: float


def anomaly_quality(
    model: ExportedModel,
    statistics: LatentStatistics,
    test: Digits,
    fashion: Digits | None,
) -> AnomalyQuality:
    """Measure the score and the classes' probabilities. Raises ModelError where the model is not calibrated."""
    if statistics.anomaly_quantiles is None or statistics.class_temperature is None:
        raise ModelError(
            f"{model.folder} has no calibrated anomaly score: export the model again"
        )
    quantiles = statistics.anomaly_quantiles
    threshold = float(np.interp(ALARM, np.linspace(0, 1, len(quantiles)), quantiles))
    _, test_scores = densities_and_scores(model, statistics, test.pixels())

    def detection(pixels: Tensor) -> Detection:
        _, scores = densities_and_scores(model, statistics, pixels)
        kinds = torch.cat([torch.zeros_like(test_scores), torch.ones_like(scores)])
        auroc = roc_auc_score(kinds, torch.cat([test_scores, scores]))
        return Detection(float(auroc), share_above(threshold, scores))

    pictures = pictures_of_no_digit(test, fashion)
    _, digits = test.halves()
    log_densities, scores = densities_and_scores(model, statistics, digits.pixels())
    log_probabilities = class_log_probabilities(
        log_densities, float(statistics.class_temperature)
    )
    right = is_class(statistics, digits.labels)
    confidences, chosen = log_probabilities.exp().max(dim=1)
    hits = right.gather(1, chosen.unsqueeze(1)).squeeze(1).double()
    return AnomalyQuality(
        pictures={
            name: detection(pictures[name])
            for name in track(pictures, description="telling what is no digit")
        },
        digits=len(digits),
        alarms=share_above(threshold, scores),
        alarms_by_class={
            str(label): share_above(threshold, scores[digits.labels == label])
            for label in digits.labels.unique().tolist()
        },
        class_accuracy=hits.mean().item(),
        class_cross_entropy=-log_probabilities[right].mean().item(),
        class_calibration_error=calibration_error(confidences, hits),
    )


def share_above(threshold: float, scores: Tensor) -> float:
    """The share of scores above a threshold."""
    return (scores > threshold).double().mean().item()


def densities_and_scores(
    model: ExportedModel, statistics: LatentStatistics, pixels: Tensor
) -> tuple[Tensor, Tensor]:
    """The log-densities (batch, classes) of images at their posterior means, and the anomaly scores (batch,)."""
    mean, _ = model.encode(pixels.numpy())
    log_densities = statistics.class_log_densities(torch.from_numpy(mean))
    objective = Objective(
        model.card["objective"]["name"], model.card["objective"]["c"] or 0.0
    )
    loss = objective.loss_of_decoded(pixels, torch.from_numpy(model.decode(mean)))
    return log_densities, anomaly_scores(loss, log_densities)


def calibration_error(confidences: Tensor, hits: Tensor) -> float:
    """The expected calibration error (Guo et al. 2017, arXiv:1706.04599, equation 3) of confidences in [0, 1]."""
    bins = (confidences * CONFIDENCE_BINS).long().clamp(max=CONFIDENCE_BINS - 1)
    gaps = torch.zeros(CONFIDENCE_BINS, dtype=torch.float64).index_add(
        0, bins, hits - confidences
    )
    return gaps.abs().sum().item() / len(hits)


def pictures_of_no_digit(digits: Digits, fashion: Digits | None) -> dict[str, Tensor]:
    """Pictures of the digits' size, (batch, 1, height, width) in [0, 1], by name."""
    pixels = digits.pixels()
    generator = torch.Generator().manual_seed(SEED)
    others = pixels[torch.randperm(len(pixels), generator=generator)]
    return {
        **({} if fashion is None else {"Fashion-MNIST": fashion.pixels()}),
        "uniform noise": torch.randint(256, pixels.shape, generator=generator) / 255,
        "digits turned by 90°": pixels.rot90(dims=(2, 3)).contiguous(),
        "two digits, one over the other": torch.maximum(pixels, others),
        "two digits, side by side": side_by_side(pixels, others),
    }


def side_by_side(left: Tensor, right: Tensor) -> Tensor:
    """Both at half their size in the middle of one picture."""
    pair = torch.cat([functional.avg_pool2d(half, 2) for half in (left, right)], dim=3)
    margin = (left.shape[2] - pair.shape[2]) // 2
    return functional.pad(pair, (0, 0, margin, margin))
