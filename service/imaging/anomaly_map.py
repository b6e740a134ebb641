"""Pictures of anomaly maps, and the regions above a threshold."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.imaging.ink.regions import find_regions
from service.imaging.pixels import WHITE, Pixels

THRESHOLD_LEVEL = 128  # grey level of the threshold in a picture of a map
MAX_REGIONS = 20
# Colours of the overlay: just above the threshold, and from this many times it.
ABOVE = (255, 160, 0)
FAR_ABOVE = (255, 0, 60)
FAR = 4.0
OPACITY = 0.65
SMALLEST = 1e-30  # a divisor in place of 0

Floats = NDArray[np.float32]


class Region(NamedTuple):
    """A connected region of a map whose values are above the threshold.

    Attributes:
        box: Left, top, right and bottom edge, in pixels of the map.
        peak: Its largest value.
    """

    box: tuple[int, int, int, int]
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
    np.maximum.at(peaks, regions.labels, values[regions.rows, regions.columns])
    highest = np.argsort(-peaks, kind="stable")[:MAX_REGIONS]
    boxes = regions.boxes[highest].tolist()
    return [
        Region(tuple(box), peak)
        for box, peak in zip(boxes, peaks[highest].tolist(), strict=True)
    ]


def are_above(values: Floats, threshold: float) -> NDArray[np.bool]:
    """Return which values are above a threshold, compared in float64, same shape."""
    above: NDArray[np.bool] = values > np.float64(threshold)
    return above


def map_levels(maps: Floats, threshold: float) -> Pixels:
    """Return maps as grey images, (count, 1, height, width), on a fixed scale.

    ``THRESHOLD_LEVEL`` is the threshold; a level is above it exactly where the value is
    above the threshold.
    """
    factor = np.float64(THRESHOLD_LEVEL / max(threshold, SMALLEST))
    scaled = maps * factor
    levels: Pixels = np.rint(scaled.clip(max=WHITE)).astype(np.uint8)
    above = are_above(maps, threshold)
    levels[above] = np.maximum(levels[above], THRESHOLD_LEVEL + 1)
    levels[~above] = np.minimum(levels[~above], THRESHOLD_LEVEL)
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
    if not above.any():
        return pictures
    excess = maps[above] / np.float64(max(threshold, SMALLEST))
    share = (np.log(excess) / np.log(FAR)).clip(0, 1)[:, np.newaxis]
    tints = (1 - share) * np.array(ABOVE) + share * np.array(FAR_ABOVE)
    by_pixel = pictures.transpose(0, 2, 3, 1)
    shown = (1 - OPACITY) * by_pixel[above] + OPACITY * tints
    by_pixel[above] = np.rint(shown).astype(np.uint8)
    return pictures
