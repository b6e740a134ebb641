"""Ink scaled and centred as MNIST's digits are.

http://yann.lecun.com/exdb/mnist: each digit fits a box of 5/7 of the image's side, with
its aspect ratio kept, and is centred by mass.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.imaging.errors import ImageError
from service.imaging.ink.arrays import Box, Grey, Levels, box_of
from service.imaging.pixels import RESAMPLING, WHITE

INK_SHARE = 5 / 7  # of an image's side that the ink fills
# Relative to the strongest ink; less is ignored.
MIN_INTENSITY = 0.15
# Pixels by which ink that is already placed may differ in size and position.
TOLERANCE = 2

Sums = NDArray[np.int64]  # of a row or a column of grey levels


def crop_ink(
    ink: Levels,
    box: Box,
    height: int,
    width: int,
) -> Grey:
    """Return the ink in the box, scaled to fill its share of an image of that size.

    The aspect ratio is kept, and the strongest ink becomes white. Raises ImageError if
    scaling leaves almost no ink.
    """
    left, top, right, bottom = box
    box_height = bottom - top
    box_width = right - left
    vertical = height * INK_SHARE / box_height
    horizontal = width * INK_SHARE / box_width
    factor = min(vertical, horizontal)
    scaled_width = max(1, round(factor * box_width))
    scaled_height = max(1, round(factor * box_height))
    size = (scaled_width, scaled_height)
    image = Image.fromarray(ink)
    scaled = image.resize(size, RESAMPLING, box)
    # Noise averages to 0 before it is clipped.
    drawing = np.asarray(scaled).clip(0)
    strongest = float(drawing.max())
    if strongest < MIN_INTENSITY * ink.max():
        target = f"{scaled_width} x {scaled_height} pixels"
        raise ImageError(f"a blank image: too little of its ink is left in {target}")
    amplified = drawing * (WHITE / strongest)
    return np.rint(amplified).astype(np.uint8)


def centre_ink(
    drawing: Grey,
    height: int,
    width: int,
) -> Grey:
    """Return the drawing on a black image of that size, centred by mass.

    Its centre of mass is as near to the middle as whole pixels and the edges allow.
    """
    masses = drawing.astype(np.int64)
    row_sums = masses.sum(axis=1)
    column_sums = masses.sum(axis=0)
    top = centring_offset(row_sums, height)
    left = centring_offset(column_sums, width)
    bottom = top + len(row_sums)
    right = left + len(column_sums)
    pixels = np.zeros((height, width), np.uint8)
    pixels[top:bottom, left:right] = drawing
    return pixels


def centring_offset(mass: Sums, size: int) -> int:
    """Return the offset that puts the centre of a row of masses at ``size / 2``.

    MNIST's digits have their centre of mass there.
    """
    offset = round(size / 2 - centre_of(mass))
    last_offset = size - len(mass)
    return min(max(offset, 0), last_offset)


def is_placed(ink: Grey) -> bool:
    """Return whether ink fills its share of the image already, and is centred."""
    strong = ink > MIN_INTENSITY * ink.max()
    left, top, right, bottom = box_of(strong)
    height, width = ink.shape
    vertical = (bottom - top) / height
    horizontal = (right - left) / width
    share = max(vertical, horizontal)
    longer = max(height, width)
    masses = ink.astype(np.int64)
    row_sums = masses.sum(axis=1)
    column_sums = masses.sum(axis=0)
    down = off_centre(row_sums)
    across = off_centre(column_sums)
    difference = abs(share - INK_SHARE) * longer
    largest = max(difference, down, across)
    return bool(largest <= TOLERANCE)


def off_centre(mass: Sums) -> float:
    """Return the distance of the centre of a row of masses from the row's middle."""
    middle = len(mass) / 2
    return abs(centre_of(mass) - middle)


def centre_of(mass: Sums) -> float:
    """Return the centre of a row of masses."""
    positions = np.arange(len(mass))
    moment = positions @ mass
    return float(moment / mass.sum())
