"""Find ink on paper, and scale and centre it as MNIST's digits are.

http://yann.lecun.com/exdb/mnist: each digit fits a box of 5/7 of the image's side, with
its aspect ratio kept, and is centred by mass.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.imaging.errors import ImageError
from service.imaging.pixels import BLACK, RESAMPLING, WHITE, flatten

INK_SHARE = 5 / 7  # of an image's side that the ink fills
# Grey levels between paper and the strongest ink. JPEG's noise on blank paper has
# fewer.
MIN_CONTRAST = 24
# Relative to the strongest ink; less is noise, and is ignored when ink is located.
MIN_INTENSITY = 0.15

Grey = NDArray[np.uint8]  # (height, width)
Sums = NDArray[np.int64]  # of a row or a column of grey levels
Box = tuple[int, int, int, int]  # left, top, right and bottom edge
Levels = tuple[int, int, int]  # of the paper, the darkest and the brightest


def find_ink(image: Image.Image) -> tuple[Grey, bool]:
    """Return the ink's intensity at each pixel, and whether ink is darker than paper.

    Paper is the median grey level of the border. A transparent image is laid over black
    or white, whichever shows the ink better. Raises ImageError for a blank image.
    """
    grey = grey_levels(image, BLACK)
    if image.has_transparency_data:
        over_white = grey_levels(image, WHITE)
        grey = max(grey, over_white, key=contrast)
    paper, darkest, brightest = level_range(grey)
    darker = paper - darkest
    brighter = brightest - paper
    if max(darker, brighter) < MIN_CONTRAST:
        found = f"its grey levels are {darkest} to {brightest}"
        raise ImageError(f"a blank image: {found}, too close to be ink on paper")
    inverted = darker > brighter
    return ink_intensity(grey, paper, inverted=inverted), inverted


def ink_intensity(
    grey: Grey,
    paper: int,
    *,
    inverted: bool,
) -> Grey:
    """Return the difference of each pixel to the paper in the ink's direction."""
    levels = np.arange(WHITE + 1)
    differences = levels - paper
    if inverted:
        differences = -differences
    by_level = differences.clip(0).astype(np.uint8)
    return by_level[grey]


def grey_levels(image: Image.Image, background: int) -> Grey:
    """Return an image's grey levels, over that background where it is transparent."""
    opaque = flatten(image, background)
    return np.asarray(opaque.convert("L"))


def contrast(grey: Grey) -> int:
    """Return the largest difference of a pixel's level to the paper's."""
    paper, darkest, brightest = level_range(grey)
    return max(paper - darkest, brightest - paper)


def level_range(grey: Grey) -> Levels:
    """Return the paper's grey level, the darkest and the brightest level."""
    columns = grey.T
    edges = [
        grey[0],
        grey[-1],
        columns[0],
        columns[-1],
    ]
    border = np.concatenate(edges)
    paper = int(np.median(border))
    darkest = int(grey.min())
    brightest = int(grey.max())
    return paper, darkest, brightest


def ink_box(ink: Grey) -> Box:
    """Return the box around all ink that is not noise."""
    strong = ink > MIN_INTENSITY * ink.max()
    left, right = true_range(strong.any(axis=0))
    top, bottom = true_range(strong.any(axis=1))
    return left, top, right, bottom


def true_range(values: NDArray[np.bool]) -> tuple[int, int]:
    """Return the first index of a true value, and the index after the last."""
    indices = np.flatnonzero(values)
    first = int(indices[0])
    last = int(indices[-1])
    return first, last + 1


def crop_ink(
    ink: Grey,
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
    scaled = Image.fromarray(ink).resize(size, RESAMPLING, box)
    drawing = np.asarray(scaled)
    strongest = int(drawing.max())
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
    positions = np.arange(len(mass))
    centre_of_mass = float(positions @ mass / mass.sum())
    offset = round(size / 2 - centre_of_mass)
    last_offset = size - len(mass)
    return min(max(offset, 0), last_offset)
