"""Pixels become 8-bit grey PNGs, clipped and rounded."""

import numpy as np
import pytest

from service.imaging.writer import base64_pngs, sheet
from tests.samples import pixels_of


@pytest.mark.parametrize(
    ("pixel", "grey"),
    [(0.0, 0), (1.0, 255), (-1.0, 0), (2.0, 255), (0.5 / 255 - 1e-4, 0), (0.5 / 255 + 1e-4, 1), (254.6 / 255, 255)],
)
def test_a_pixel_becomes_the_nearest_grey_level(pixel: float, grey: int) -> None:
    """Clipped to [0, 1] and rounded, not cut."""
    (text,) = base64_pngs(sheet(np.array([[[pixel]]], dtype=np.float32)).images)

    assert pixels_of(text).tolist() == [[grey]]


def test_each_image_is_a_png_of_its_own() -> None:
    """Order and shape are kept."""
    pixels = np.arange(24, dtype=np.float32).reshape(4, 2, 3) / np.float32(255)

    assert [pixels_of(text).tolist() for text in base64_pngs(sheet(pixels).images)] == np.rint(pixels * 255).tolist()
