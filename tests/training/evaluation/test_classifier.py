"""The classifier's features, accuracy and files."""

from pathlib import Path

import pytest
import torch

from tests.training.conftest import OTHER_CONTENTS
from training.data.images import LabelledImages
from training.evaluation.classifier import (
    Classifier,
    ClassifierError,
    accuracy,
    features_and_classes,
    read_classifier,
    save_classifier,
)


def test_512_digits_are_enough_for_90_percent(
    classifier: Classifier, test_digits: LabelledImages
) -> None:
    """Nine of ten test digits are classified correctly."""
    assert accuracy(classifier, test_digits) > 0.9


def test_features_are_the_last_layers_input(
    classifier: Classifier, test_digits: LabelledImages
) -> None:
    """There are 128 a digit, the same in every batch."""
    pixels = test_digits.pixels()
    features, classes = features_and_classes(
        classifier, torch.cat([pixels, pixels[:1]])
    )

    assert features.shape == (1001, 128)
    assert torch.allclose(features[0], features[1000], atol=1e-4)
    assert torch.equal(classes[:10], classifier(pixels[:10]).argmax(dim=1))


@pytest.mark.parametrize(
    "shape", [(3, 32, 32), (3, 64, 64), (1, 128, 96), (3, 12, 40), (1, 33, 50)]
)
def test_images_of_any_size_have_as_many_features(shape: tuple[int, int, int]) -> None:
    """The first layer skips positions of large images, so that later ones stay small."""
    model = Classifier(shape, classes=4).eval()
    features, classes = features_and_classes(model, torch.rand(2, *shape))

    assert features.shape == (2, 128)
    assert classes.shape == (2,)
    assert sum(weights.numel() for weights in model.parameters()) < 1e6


def test_a_saved_classifier_is_read_unchanged(
    classifier: Classifier, test_digits: LabelledImages, tmp_path: Path
) -> None:
    """It returns the same logits."""
    save_classifier(classifier, tmp_path / "runs" / "classifier.pt")
    again = read_classifier(tmp_path / "runs" / "classifier.pt")

    pixels = test_digits.pixels()[:10]
    assert torch.equal(again(pixels), classifier(pixels))


@pytest.mark.parametrize("content", OTHER_CONTENTS)
def test_a_file_that_is_not_a_classifier_is_refused(
    tmp_path: Path, content: bytes
) -> None:
    """The message names the file, for any content."""
    path = tmp_path / "classifier.pt"
    path.write_bytes(content)
    with pytest.raises(
        ClassifierError, match=r"classifier\.pt is not a classifier of this program"
    ):
        read_classifier(path)
