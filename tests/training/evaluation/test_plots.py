"""Pictures show what they should."""

import numpy as np
import pytest

from tests.samples import MODEL
from training.artifact.exported_model import ExportedModel
from training.data.digits import Digits
from training.data.errors import DataError
from training.evaluation.plots import (
    interpolation,
    loss_curves,
    rate_distortion_curve,
    reconstruction_sheet,
)
from training.fitting.checkpoint import EpochResult


def test_loss_curves_show_every_epoch() -> None:
    """The steep start of a long run does not flatten the rest."""
    history = [
        EpochResult(epoch, 100 + 400 / epoch, 80 + 400 / epoch, 20.0)
        for epoch in range(1, 101)
    ]
    axes = loss_curves(history).axes

    assert [axis.get_title() for axis in axes] == [
        "loss",
        "reconstruction loss",
        "KL divergence",
    ]
    for axis in axes:
        assert len(axis.lines[0].get_xdata()) == 100  # type: ignore[arg-type]  # an array, whatever its type says
    assert axes[0].get_ylim()[1] < 200


def test_the_rate_distortion_curve_goes_through_all_models() -> None:
    """From the lowest rate to the highest, each with its C."""
    cards = [
        {
            "objective": {"name": "squared-error", "c": c},
            "quality": {"kl_divergence": kl, "squared_error_per_pixel": error},
        }
        for c, kl, error in [
            (16.0, 56.0, 0.0042),
            (4.0, 33.0, 0.0080),
            (64.0, 80.0, 0.0025),
        ]
    ]
    (axis,) = rate_distortion_curve(cards).axes

    assert np.asarray(axis.lines[0].get_xdata()).tolist() == [33, 56, 80]
    assert {text.get_text() for text in axis.texts} == {"C = 16", "C = 4", "C = 64"}


def test_reconstructions_stand_below_their_digits(test_digits: Digits) -> None:
    """Row by row, 16 a row; fewer than four rows of digits are refused in plain words."""
    figure = reconstruction_sheet(ExportedModel(MODEL), test_digits)
    images = [np.asarray(axis.images[0].get_array()) for axis in figure.axes]
    pixels = test_digits.pixels()[:, 0].numpy()

    assert len(images) == 128
    assert np.array_equal(images[0], pixels[0])
    assert np.array_equal(images[32], pixels[16])
    assert 0 < np.square(images[16] - pixels[0]).mean() < 0.02
    with pytest.raises(DataError, match="64 digits asked for"):
        reconstruction_sheet(ExportedModel(MODEL), test_digits.first(63))


def test_a_walk_starts_and_ends_at_its_digits(test_digits: Digits) -> None:
    """Reconstructed from their means, eleven steps in all."""
    model, pair = ExportedModel(MODEL), test_digits.first(2).pixels().numpy()
    walk = interpolation(model, pair)
    ends = model.decode(model.encode(pair)[0])

    assert walk.shape == (11, 1, 28, 28)
    assert walk[[0, -1]] == pytest.approx(ends, abs=1e-6)
