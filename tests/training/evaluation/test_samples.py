"""Pictures are judged as the formulas say."""

from pathlib import Path

import numpy as np
import pytest
import torch

from training.artifact.exported_model import ExportedModel
from training.artifact.latent_statistics import read_statistics
from training.data.digits import Digits
from training.evaluation.classifier import Classifier, accuracy
from training.evaluation.samples import (
    PictureQuality,
    nearest_distances,
    picture_qualities,
    sample_classes,
)


@pytest.fixture(scope="module")
def qualities(
    exported: Path, train_digits: Digits, test_digits: Digits, classifier: Classifier
) -> dict[str, PictureQuality]:
    """The small model's."""
    model = ExportedModel(exported)
    return picture_qualities(
        model, read_statistics(model), train_digits, test_digits, classifier
    )


def test_real_digits_measure_as_such(
    qualities: dict[str, PictureQuality], classifier: Classifier, test_digits: Digits
) -> None:
    """The test digits have no distance to themselves, training digits none to the nearest training digit."""
    test, train = qualities["test digits"], qualities["training digits"]

    assert test.frechet_distance == pytest.approx(0, abs=0.01)
    assert test.class_agreement == accuracy(classifier, test_digits)
    assert test.nearest_training_digit > test.nearest_training_digit_closest > 1
    assert train.frechet_distance > 0
    assert train.nearest_training_digit == pytest.approx(0, abs=0.05)


def test_what_a_model_draws_that_has_hardly_learned_is_far_from_digits(
    qualities: dict[str, PictureQuality],
) -> None:
    """Far beyond the floor, and often not the digit meant."""
    floor = qualities["training digits"].frechet_distance

    for name in ("reconstructions", "prior", "sampler", "sampler by class"):
        assert qualities[name].frechet_distance > 10 * floor
    assert qualities["prior"].class_agreement is None
    assert 0 < (qualities["sampler by class"].class_agreement or 0) < 1


def test_classes_are_drawn_in_equal_numbers(
    exported: Path, random: np.random.Generator
) -> None:
    """As many as there is room for, in order."""
    latents, labels = sample_classes(
        read_statistics(ExportedModel(exported)), 10_005, random, temperature=1.0
    )

    assert latents.shape == (10_000, 32)
    assert torch.equal(labels, torch.arange(10).repeat_interleave(1000))


def test_the_nearest_digit_is_found() -> None:
    """By Euclidean distance."""
    digits = torch.tensor([[0.0, 0.0], [10.0, 0.0]])

    assert nearest_distances(
        torch.tensor([[3.0, 4.0], [10.0, 1.0]]), digits
    ).tolist() == pytest.approx([5, 1])
