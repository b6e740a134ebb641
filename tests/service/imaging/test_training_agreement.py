"""Unusual pictures have the same pixels in the service as in training, to the bit.

``tests/training/data/test_same_pixels.py`` compares usual ones.
"""

import struct
from itertools import product

import numpy as np
import pytest

from service.imaging.pixels import Color
from tests.service.imaging.test_formats import ORIENTATION, file_of
from tests.training.data.test_same_pixels import FITS, random_picture, served, trained
from training.data.image_format import Fit, ImageFormat

BACKGROUNDS: list[Color] = [(200,), (10, 120, 250)]
CASES = list(product(FITS, BACKGROUNDS))


def check(content: bytes, fit: Fit, background: Color) -> None:
    """Assert that the service and training agree on a file."""
    image_format = ImageFormat(len(background), 20, 24, fit, background)

    assert np.array_equal(served(content, image_format), trained(content, image_format))


@pytest.mark.parametrize(("fit", "background"), CASES)
@pytest.mark.parametrize("size", [(24, 20), (1, 1), (3, 300), (801, 2), (440, 333)])
def test_each_size_agrees(size: tuple[int, int], fit: Fit, background: Color) -> None:
    """The model's size, one pixel, narrow, wide and large."""
    content = file_of(random_picture("RGBA", size, 0), "PNG")

    check(content, fit, background)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_each_kind_of_jpeg_agrees(subsampling: int, *, progressive: bool) -> None:
    """The decoder must not reduce a large picture: that would change its pixels."""
    image = random_picture("RGB", (50, 39), subsampling).resize((1000, 780))
    content = file_of(image, "JPEG", subsampling=subsampling, progressive=progressive)
    for fit, background in CASES:
        check(content, fit, background)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("kind", "code"), [(3, "HH"), (4, "I"), (2, "4s"), (12, "I")])
@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP"])
def test_each_type_of_orientation_agrees(
    name: str, kind: int, code: str, order: str
) -> None:
    """16 or 32 bits, of either byte order; text and doubles mean nothing."""
    value = [b"6"] if code == "4s" else [6, 0][: len(code)]
    signature = b"II*\0" if order == "<" else b"MM\0*"
    directory = struct.pack(
        f"{order}IHHHI{code}I", 8, 1, ORIENTATION, kind, 1, *value, 0
    )
    exif = b"Exif\0\0" + signature + directory
    content = file_of(random_picture("RGB", (37, 21), kind), name, exif=exif)

    check(content, "stretch", (0,))
