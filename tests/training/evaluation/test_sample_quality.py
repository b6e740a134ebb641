"""Image sets are measured by their definitions."""

from pathlib import Path

import pytest
import torch

from training.artifact.exported_model import ExportedModel
from training.artifact.latent_statistics import read_statistics
from training.data.images import LabelledImages
from training.evaluation.classifier import Classifier, accuracy
from training.evaluation.image_sets import (
    CLASS_SAMPLES,
    MIXTURE_SAMPLES,
    PRIOR_SAMPLES,
    RECONSTRUCTIONS,
    TEST_IMAGES,
    TRAINING_IMAGES,
)
from training.evaluation.sample_quality import (
    SampleQuality,
    nearest_distances,
    sample_qualities,
)


@pytest.fixture(scope="module")
def qualities(
    exported: Path,
    train_digits: LabelledImages,
    test_digits: LabelledImages,
    classifier: Classifier,
) -> dict[str, SampleQuality]:
    """Return the small model's measures."""
    model = ExportedModel(exported)
    return sample_qualities(
        model, read_statistics(model), train_digits, test_digits, classifier
    )


def test_real_digits_measure_as_such(
    qualities: dict[str, SampleQuality],
    classifier: Classifier,
    test_digits: LabelledImages,
) -> None:
    """Test digits have no Fréchet distance to themselves.

    Training digits have no distance to the nearest training digit.
    """
    test, train = qualities[TEST_IMAGES], qualities[TRAINING_IMAGES]

    assert test.frechet_distance == pytest.approx(0, abs=0.01)
    assert test.classification_accuracy == accuracy(classifier, test_digits)
    assert (
        test.nearest_training_distance
        > test.nearest_training_distance_1st_percentile
        > 1
    )
    assert train.frechet_distance > 0
    assert train.nearest_training_distance == pytest.approx(0, abs=0.05)


def test_samples_of_a_barely_trained_model_are_far_from_digits(
    qualities: dict[str, SampleQuality],
) -> None:
    """Their distance is many times that of real digits; labels are often wrong."""
    real_distance = qualities[TRAINING_IMAGES].frechet_distance

    for name in (RECONSTRUCTIONS, PRIOR_SAMPLES, MIXTURE_SAMPLES, CLASS_SAMPLES):
        assert qualities[name].frechet_distance > 10 * real_distance
    assert qualities[PRIOR_SAMPLES].classification_accuracy is None
    assert 0 < (qualities[CLASS_SAMPLES].classification_accuracy or 0) < 1


def test_the_nearest_digit_is_found() -> None:
    """The distance is Euclidean."""
    digits = torch.tensor([[0.0, 0.0], [10.0, 0.0]])

    assert nearest_distances(
        torch.tensor([[3.0, 4.0], [10.0, 1.0]]), digits
    ).tolist() == pytest.approx([5, 1])
