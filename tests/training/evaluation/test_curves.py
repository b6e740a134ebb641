"""Curves show all their data."""

import numpy as np

from training.evaluation.curves import loss_curves, rate_distortion_curve
from training.fitting.checkpoint import EpochResult


def test_loss_curves_show_every_epoch() -> None:
    """The axis fits the curve after its steep start."""
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
    """Models are sorted by rate and labelled with their C."""
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


def test_a_model_without_c_is_labelled_with_its_objective() -> None:
    """Only the squared error has a C."""
    card = {
        "objective": {"name": "bernoulli", "c": None},
        "quality": {"kl_divergence": 25.0, "squared_error_per_pixel": 0.01},
    }
    (axis,) = rate_distortion_curve([card]).axes

    assert [text.get_text() for text in axis.texts] == ["bernoulli"]
