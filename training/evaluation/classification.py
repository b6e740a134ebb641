"""Classification by Bayes' rule from the class densities at the posterior mean."""

from dataclasses import dataclass

import torch
from torch import Tensor

from training.artifact.anomaly import class_log_probabilities, one_hot
from training.artifact.inference import Autoencoder, posterior_means
from training.artifact.latent_statistics import LatentStatistics
from training.artifact.model_card import ModelError
from training.data.images import LabelledImages

CONFIDENCE_BINS = 15


@dataclass(frozen=True, slots=True)
class ClassificationQuality:
    """Class probabilities of images used neither in training nor for calibration.

    classification_accuracy: fraction whose most probable class is their label.
    cross_entropy: mean of -log p(label) in nats.
    expected_calibration_error: expected calibration error, with 15 bins of confidence.
    """

    classification_accuracy: float
    cross_entropy: float
    expected_calibration_error: float


def classification_quality(
    model: Autoencoder,
    statistics: LatentStatistics,
    test: LabelledImages,
) -> ClassificationQuality:
    """Measure the class probabilities. Raise ModelError if they are not calibrated."""
    if statistics.class_temperature is None:
        raise ModelError(
            "the model has no calibrated class probabilities: export the model again"
        )
    means = posterior_means(model, test)
    log_densities = statistics.class_log_densities(means)
    temperature = float(statistics.class_temperature)
    log_probabilities = class_log_probabilities(log_densities, temperature)
    probabilities = log_probabilities.exp()
    confidences, predictions = probabilities.max(dim=1, keepdim=True)
    targets = one_hot(statistics, test.labels)
    hits = targets.gather(1, predictions).double()
    log_likelihoods = log_probabilities[targets]
    return ClassificationQuality(
        classification_accuracy=hits.mean().item(),
        cross_entropy=-log_likelihoods.mean().item(),
        expected_calibration_error=calibration_error(
            confidences.squeeze(1),
            hits.squeeze(1),
        ),
    )


def calibration_error(confidences: Tensor, hits: Tensor) -> float:
    """Return the expected calibration error of confidences in [0, 1].

    Guo et al. 2017, arXiv:1706.04599, equation 3.

    hits: 1 for each correct prediction and 0 for each wrong one, (count,).
    """
    bins = (confidences * CONFIDENCE_BINS).long()
    bins = bins.clamp(max=CONFIDENCE_BINS - 1)
    gaps = torch.zeros(CONFIDENCE_BINS, dtype=torch.float64)
    gaps = gaps.index_add(0, bins, hits - confidences)
    total = gaps.abs().sum().item()
    return total / len(hits)
