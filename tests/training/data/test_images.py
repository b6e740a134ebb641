"""Splits of a data set are exactly the requested ones."""

import pytest
import torch

from training.data.errors import DataError
from training.data.images import LabelledImages


def test_more_digits_than_there_are_is_an_error(train_digits: LabelledImages) -> None:
    """No size is silently reduced to the number of digits there are."""
    assert len(train_digits.first(10)) == 10
    assert len(train_digits.first(None)) == 512
    with pytest.raises(DataError, match="513 images asked for, 512 are there"):
        train_digits.first(513)


def test_the_digits_after_the_first_are_the_others(
    train_digits: LabelledImages,
) -> None:
    """Both parts together are the whole, and an empty second part is an error."""
    parts = train_digits.first(500), train_digits.after(500)

    assert torch.equal(torch.cat([part.images for part in parts]), train_digits.images)
    assert torch.equal(torch.cat([part.labels for part in parts]), train_digits.labels)
    with pytest.raises(
        DataError, match="no images after the first 512: 512 are there; --train-size"
    ):
        train_digits.after(512)


def test_the_halves_are_the_even_and_the_odd_positions(
    test_digits: LabelledImages,
) -> None:
    """The halves are disjoint and complete, also for an odd number of digits."""
    first, second = test_digits.first(5).halves()

    assert torch.equal(first.images, test_digits.images[[0, 2, 4]])
    assert torch.equal(second.images, test_digits.images[[1, 3]])
    assert [len(first.labels), len(second.labels)] == [3, 2]
