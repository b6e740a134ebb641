"""Training of the classifier is repeatable, and its augmentation small."""

import pytest
import torch

from training.data.images import LabelledImages
from training.evaluation.classifier_training import augment, train_classifier


def test_training_is_repeatable(train_digits: LabelledImages) -> None:
    """Two runs are equal; PyTorch's global generator is neither used nor changed."""
    before = torch.random.get_rng_state()
    first = train_classifier(train_digits.first(64))
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(1)
    second = train_classifier(train_digits.first(64))

    assert torch.equal(first.output.weight, second.output.weight)


def test_augmentation_is_small_and_differs(train_digits: LabelledImages) -> None:
    """Each copy of a digit differs and keeps its ink within the image."""
    pixels = train_digits.pixels()[:1].expand(50, -1, -1, -1)
    augmented = augment(pixels, torch.Generator().manual_seed(0))

    assert augmented.shape == pixels.shape
    assert len({image.sum().item() for image in augmented}) == 50
    assert augmented.sum().item() == pytest.approx(pixels.sum().item(), rel=0.1)
