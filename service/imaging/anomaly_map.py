"""Pictures of anomaly maps, and the regions above a threshold."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.imaging.ink.arrays import Box, Mask
from service.imaging.ink.regions import find_regions
from service.imaging.pixels import WHITE, Pixels

THRESHOLD_LEVEL = 128  # grey level of the threshold in a picture of a map
MAX_REGIONS = 20
# Colors of the overlay: just above the threshold, and from this many times it.
ABOVE = (255, 160, 0)
FAR_ABOVE = (255, 0, 60)
FAR = 4.0
OPACITY = 0.65
SMALLEST = 1e-30  # threshold that values are divided by

Floats = NDArray[np.float32]


class Region(NamedTuple):
    """A connected region of a map whose values are above the threshold.

    Attributes:
        box: Left, top, right and bottom edge, in pixels of the map.
        peak: Its largest value.
    """

    box: Box
    peak: float


def regions_above(values: Floats, threshold: float) -> list[Region]:
    """Return the regions of a map (height, width), those of the highest peaks first.

    There are at most ``MAX_REGIONS``. Pixels are connected by sides or corners.
    """
    mask = are_above(values, threshold)
    if not mask.any():
        return []
    regions = find_regions(mask)
    peaks = np.zeros(len(regions), np.float32)
    np.maximum.at(peaks, regions.labels, values[mask])
    order = np.argsort(-peaks, kind="stable")
    found = []
    for number in order[:MAX_REGIONS]:
        left, top, right, bottom = regions.boxes[number].tolist()
        peak = float(peaks[number])
        region = Region((left, top, right, bottom), peak)
        found.append(region)
    return found


def are_above(values: Floats, threshold: float) -> Mask:
    """Return which values are above a threshold, compared in float64, same shape."""
    above: Mask = values > np.float64(threshold)
    return above


def relative(values: Floats, threshold: float) -> NDArray[np.float64]:
    """Return values divided by a threshold, same shape."""
    divisor = max(threshold, SMALLEST)
    return values / np.float64(divisor)


def map_levels(maps: Floats, threshold: float) -> Pixels:
    """Return maps as grey images, (count, 1, height, width), on a fixed scale.

    ``THRESHOLD_LEVEL`` is the threshold; a level is above it exactly where the value is
    above the threshold.
    """
    scaled = relative(maps, threshold) * THRESHOLD_LEVEL
    rounded = np.rint(scaled.clip(max=WHITE))
    levels: Pixels = rounded.astype(np.uint8)
    above = are_above(maps, threshold)
    below = ~above
    # Near the threshold, rounding may have crossed it.
    levels[above] = levels[above].clip(min=THRESHOLD_LEVEL + 1)
    levels[below] = levels[below].clip(max=THRESHOLD_LEVEL)
    return levels[:, np.newaxis]


def overlay(images: Pixels, maps: Floats, threshold: float) -> Pixels:
    """Return images in color, with color over the pixels above the threshold.

    images: uint8 (count, channels, height, width).
    maps: float32 (count, height, width).
    """
    count, _, height, width = images.shape
    shape = (count, len(ABOVE), height, width)
    pictures = np.broadcast_to(images, shape).copy()
    above = are_above(maps, threshold)
    if above.any():
        by_pixel = pictures.transpose(0, 2, 3, 1)
        excess = relative(maps[above], threshold)
        under = (1 - OPACITY) * by_pixel[above]
        over = OPACITY * tints(excess)
        by_pixel[above] = np.rint(under + over)
    return pictures


def tints(excess: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the colors, (pixels, 3), of values that are multiples of the threshold.

    They change with the logarithm, from 1 to ``FAR``.
    """
    bounded = excess.clip(1, FAR)
    logarithms = np.log(bounded) / np.log(FAR)
    share = logarithms[:, np.newaxis]
    near = (1 - share) * np.array(ABOVE)
    far = share * np.array(FAR_ABOVE)
    colors: NDArray[np.float64] = near + far
    return colors
