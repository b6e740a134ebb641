"""Grids show the images that they should, in their order."""

import numpy as np
import pytest

from tests.samples import MODEL
from training.artifact.exported_model import ExportedModel
from training.data.errors import DataError
from training.data.images import LabelledImages
from training.evaluation.image_grids import (
    displayed,
    interpolate,
    reconstruction_grid,
)


def test_reconstructions_are_below_their_digits(test_digits: LabelledImages) -> None:
    """Rows of 16 digits alternate with their reconstructions.

    Too few digits for four rows raise DataError.
    """
    figure = reconstruction_grid(ExportedModel(MODEL), test_digits)
    images = [np.asarray(axis.images[0].get_array()) for axis in figure.axes]
    pixels = test_digits.pixels()[:, 0].numpy()

    assert len(images) == 128
    assert np.array_equal(images[0], pixels[0])
    assert np.array_equal(images[32], pixels[16])
    assert 0 < np.square(images[16] - pixels[0]).mean() < 0.02
    with pytest.raises(DataError, match="64 images asked for"):
        reconstruction_grid(ExportedModel(MODEL), test_digits.first(63))


def test_an_interpolation_starts_and_ends_at_its_digits(
    test_digits: LabelledImages,
) -> None:
    """The ends of its eleven steps are the digits' reconstructions."""
    model, pair = ExportedModel(MODEL), test_digits.first(2).pixels().numpy()
    images = interpolate(model, pair)
    ends = model.decode(model.encode(pair)[0])

    assert images.shape == (11, 1, 28, 28)
    assert images[[0, -1]] == pytest.approx(ends, abs=1e-6)


def test_colour_images_are_shown_in_colour() -> None:
    """Red, green and blue are the last axis; a grey image has none."""
    colour = np.zeros((3, 4, 5), dtype=np.float32)
    colour[2] = 1

    assert displayed(colour).shape == (4, 5, 3)
    assert displayed(colour)[0, 0].tolist() == [0, 0, 1]
    assert displayed(colour[:1]).shape == (4, 5)
