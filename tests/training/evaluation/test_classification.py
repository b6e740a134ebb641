"""Class probabilities are measured by their definitions."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.samples import MODEL
from training.artifact.exported_model import ExportedModel
from training.artifact.latent_statistics import read_statistics
from training.artifact.model_card import ModelError
from training.data.images import LabelledImages
from training.evaluation.classification import (
    calibration_error,
    classification_quality,
)


def test_the_shipped_model_classifies_new_digits(test_digits: LabelledImages) -> None:
    """Nearly all are classified correctly, with calibrated probabilities."""
    model = ExportedModel(MODEL)
    _, digits = test_digits.halves()
    quality = classification_quality(model, read_statistics(model), digits)

    assert quality.classification_accuracy >= 0.97
    assert 0 < quality.expected_calibration_error < 0.03


def test_certain_and_wrong_classes_leave_the_cross_entropy_finite(
    model: ExportedModel, test_digits: LabelledImages
) -> None:
    """A temperature near 0 rules out all classes but one; JSON has no infinity."""
    certain = replace(
        read_statistics(model), class_temperature=np.array(1e-6, np.float32)
    )
    quality = classification_quality(model, certain, test_digits)

    assert quality.classification_accuracy < 1
    assert 1e3 < quality.cross_entropy < np.inf


def test_a_model_without_a_temperature_is_refused(
    model: ExportedModel, test_digits: LabelledImages
) -> None:
    """The message advises a new export."""
    older = replace(read_statistics(model), class_temperature=None)
    with pytest.raises(
        ModelError, match="no calibrated class probabilities: export the model again"
    ):
        classification_quality(model, older, test_digits)


def test_the_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    """Each bin counts by the share of predictions in it."""
    confidences = torch.tensor([0.9, 0.9, 0.9, 0.9, 1.0, 1.0], dtype=torch.float64)
    hits = torch.tensor([1, 1, 0, 0, 1, 1], dtype=torch.float64)

    assert calibration_error(confidences, hits) == pytest.approx(0.4 * 4 / 6)
