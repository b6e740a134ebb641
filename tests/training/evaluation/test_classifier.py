"""The judge learns, repeats itself and survives a file."""

from pathlib import Path

import pytest
import torch

from tests.training.conftest import OTHER_CONTENTS
from training.data.digits import Digits
from training.evaluation.classifier import (
    Classifier,
    ClassifierError,
    accuracy,
    features_and_classes,
    move,
    read_classifier,
    save_classifier,
    train_classifier,
)


def test_512_digits_teach_it_most_of_what_there_is(
    classifier: Classifier, test_digits: Digits
) -> None:
    """Nine of ten digits that it has not seen."""
    assert accuracy(classifier, test_digits) > 0.9


def test_the_seed_decides_the_classifier(train_digits: Digits) -> None:
    """Trained twice, it is the same; PyTorch's global random state is neither used nor changed."""
    before = torch.random.get_rng_state()
    first = train_classifier(train_digits.first(64))
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(1)
    second = train_classifier(train_digits.first(64))

    assert torch.equal(first.output.weight, second.output.weight)


def test_features_are_what_the_last_layer_sees(
    classifier: Classifier, test_digits: Digits
) -> None:
    """128 a digit, whatever the batch."""
    pixels = test_digits.pixels()
    features, classes = features_and_classes(
        classifier, torch.cat([pixels, pixels[:1]])
    )

    assert features.shape == (1001, 128)
    assert torch.allclose(features[0], features[1000], atol=1e-4)
    assert torch.equal(classes[:10], classifier(pixels[:10]).argmax(dim=1))


def test_digits_are_moved_a_little(train_digits: Digits) -> None:
    """Each otherwise, within the picture: the ink stays."""
    pixels = train_digits.pixels()[:1].expand(50, -1, -1, -1)
    moved = move(pixels, torch.Generator().manual_seed(0))

    assert moved.shape == pixels.shape
    assert len({image.sum().item() for image in moved}) == 50
    assert moved.sum().item() == pytest.approx(pixels.sum().item(), rel=0.1)


def test_a_classifier_in_a_file_is_the_same(
    classifier: Classifier, test_digits: Digits, tmp_path: Path
) -> None:
    """Written and read again, it answers as before."""
    save_classifier(classifier, tmp_path / "runs" / "classifier.pt")
    again = read_classifier(tmp_path / "runs" / "classifier.pt")

    pixels = test_digits.pixels()[:10]
    assert torch.equal(again(pixels), classifier(pixels))


@pytest.mark.parametrize("content", OTHER_CONTENTS)
def test_a_file_that_is_no_classifier_is_refused_by_name(
    tmp_path: Path, content: bytes
) -> None:
    """Whatever is in it."""
    path = tmp_path / "classifier.pt"
    path.write_bytes(content)
    with pytest.raises(
        ClassifierError, match=r"classifier\.pt is not a classifier of this program"
    ):
        read_classifier(path)
