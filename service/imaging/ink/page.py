"""Grey levels of an image's page, of a bounded size."""

import math

import numpy as np
from PIL import Image

from service.imaging.ink.arrays import Grey, border_of
from service.imaging.pixels import BLACK, WHITE, flatten

MAX_SIDE = 400  # pixels of the longer side; more take more than 25 ms
BAND_ROWS = 64  # of the page, that are made at a time


def grey_page(image: Image.Image) -> Grey:
    """Return an image's grey levels, averaged to at most MAX_SIDE x MAX_SIDE pixels.

    A transparent image is laid over black or white, whichever shows its ink better.
    """
    small = shrink(image)
    grey = grey_levels(small, BLACK)
    if small.has_transparency_data:
        over_white = grey_levels(small, WHITE)
        grey = max(grey, over_white, key=contrast)
    return grey


def shrink(image: Image.Image) -> Image.Image:
    """Return an image of at most MAX_SIDE x MAX_SIDE pixels, grey or with alpha.

    It is converted in bands: the whole would take four bytes a pixel, twice.
    """
    scale = math.ceil(max(image.size) / MAX_SIDE)
    if scale == 1:
        return image
    width, height = image.size
    mode = "RGBA" if image.has_transparency_data else "L"
    columns = math.ceil(width / scale)
    rows = math.ceil(height / scale)
    page = Image.new(mode, (columns, rows))
    for row in range(0, rows, BAND_ROWS):
        top = row * scale
        bottom = min(top + BAND_ROWS * scale, height)
        band = image.crop((0, top, width, bottom))
        if mode == "L":
            band = flatten(band)
        reduced = band.convert(mode).reduce(scale)
        page.paste(reduced, (0, row))
    return page


def grey_levels(image: Image.Image, background: int) -> Grey:
    """Return an image's grey levels, over that background where it is transparent."""
    opaque = flatten(image, background)
    return np.asarray(opaque.convert("L"))


def contrast(grey: Grey) -> int:
    """Return the largest difference of a pixel's level to the paper's."""
    paper = border_level(grey)
    darkest = int(grey.min())
    lightest = int(grey.max())
    return max(paper - darkest, lightest - paper)


def border_level(grey: Grey) -> int:
    """Return the median grey level of the border."""
    border = border_of(grey)
    return int(np.median(border))
