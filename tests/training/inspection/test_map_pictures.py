"""Anomaly maps as pictures."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.inspection.map_pictures import map_levels, overlay

positive = st.floats(0.0009765625, 1e6, width=32)


@given(value=positive, threshold=positive)
def test_levels_above_128_are_values_above_the_threshold(
    value: float, threshold: float
) -> None:
    """However close they are."""
    above = np.nextafter(np.float32(threshold), np.float32(np.inf))
    values = np.array([[value, threshold, above]], dtype=np.float32)

    levels = map_levels(values, threshold)

    assert np.array_equal(levels > 128, values > threshold)


def test_the_scale_is_fixed() -> None:
    """Half of the threshold is 64, and from twice the threshold on all is white."""
    values = np.array([[0, 1, 2, 3, 4, 100]], dtype=np.float32)

    assert map_levels(values, 2.0).tolist() == [[0, 64, 128, 192, 255, 255]]


def test_an_overlay_shows_only_what_is_above_the_threshold() -> None:
    """A picture without such a place is shown as it is, in colour."""
    pixels = np.full((1, 1, 2), 100, dtype=np.uint8)
    values = np.array([[2, 2.5]], dtype=np.float32)

    shown = overlay(pixels, values, 2.0)

    assert shown[:, 0, 0].tolist() == [100, 100, 100]
    assert shown[:, 0, 1].tolist() == [178, 50, 50]
