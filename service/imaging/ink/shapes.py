"""Measures of regions, and how much each looks like the strokes of a drawing."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.imaging.ink.arrays import Levels, Mask
from service.imaging.ink.regions import Integers, Regions

SOLID = 0.75  # of its box that a region fills which has no strokes
THICK = 0.55  # the same for a region of broad strokes
BROAD = 0.3  # width of broad strokes, relative to the longer side
MIN_ASPECT = 0.4  # shorter by longer side; a solid region below it is one stroke
ALONG_EDGE = 0.4  # of the page's edge that only a table or a scanner's edge covers
CORNER = 0.08  # of a frame's longer side
FRAME_CORNERS = 4
FRAME_STROKES = 4  # the shorter side of a frame, in widths of its line
# Quality of a region that is solid, that reaches one edge of the page, more of them, or
# along one, and that is a frame.
SOLID_QUALITY = 0.2
EDGE_QUALITY = 0.7
EDGES_QUALITY = 0.5
ALONG_QUALITY = 0.02
FRAME_QUALITY = 0.05
MIN_QUALITY = 0.15

Floats = NDArray[np.float64]
Flags = NDArray[np.bool]  # (regions,)


@dataclass(frozen=True, slots=True)
class Shapes:
    """Measures of regions, float64 (regions,).

    Attributes:
        masses: Sum of their ink's levels.
        areas: Number of pixels with ink.
        widths: Mean width of their strokes in pixels.
        quality: How much they look like strokes, in (0, 1].
    """

    masses: Floats
    areas: Floats
    widths: Floats
    quality: Floats


def measure_shapes(regions: Regions, mask: Mask, ink: Levels) -> Shapes:
    """Measure the regions, whose ink is ``mask``."""
    count = len(regions)
    labels = regions.labels
    pixels = (regions.rows, regions.columns)
    inked = mask[pixels]
    levels = ink[pixels] * inked
    on_outline = outline(mask)[pixels]
    masses = np.bincount(labels, levels, count).astype(float)
    areas = np.bincount(labels, inked, count).astype(float)
    outlines = np.bincount(labels, on_outline, count)
    widths = 2 * areas / np.maximum(outlines, 1)
    quality = edge_quality(regions, mask.shape)
    solid = are_solid(regions, areas, widths)
    quality[solid] *= SOLID_QUALITY
    frames = are_frames(regions, widths)
    quality[frames] *= FRAME_QUALITY
    return Shapes(masses, areas, widths, quality)


def outline(mask: Mask) -> Mask:
    """Return the pixels of a mask that have a side in common with its background."""
    inner = np.zeros_like(mask)
    beside = mask[1:-1, :-2] & mask[1:-1, 2:]
    above = mask[:-2, 1:-1] & mask[2:, 1:-1]
    inner[1:-1, 1:-1] = beside & above
    return mask & ~inner


def edge_quality(regions: Regions, shape: tuple[int, ...]) -> Floats:
    """Return a quality that is lower for regions at the page's edges."""
    height, width = shape
    count = len(regions)
    touched = np.zeros(count, np.int64)
    longest = np.zeros(count)
    for at_edge, length in (
        (regions.columns == 0, height),
        (regions.columns == width - 1, height),
        (regions.rows == 0, width),
        (regions.rows == height - 1, width),
    ):
        pixels = np.bincount(regions.labels[at_edge], minlength=count)
        touched += pixels > 0
        longest = np.maximum(longest, pixels / length)
    quality = np.ones(count)
    quality[touched == 1] = EDGE_QUALITY
    quality[touched > 1] = EDGES_QUALITY
    quality[longest > ALONG_EDGE] *= ALONG_QUALITY
    return quality


def sides(regions: Regions) -> tuple[Integers, Integers]:
    """Return the longer and the shorter side of each region's box."""
    left, top, right, bottom = regions.boxes.T
    widths = right - left
    heights = bottom - top
    longer = np.maximum(widths, heights)
    shorter = np.minimum(widths, heights)
    return longer, shorter


def are_solid(regions: Regions, areas: Floats, widths: Floats) -> Flags:
    """Return which regions are blots or sheets instead of strokes."""
    longer, shorter = sides(regions)
    filled = areas / (longer * shorter)
    is_broad = widths > BROAD * longer
    is_blot = is_broad & (filled > THICK)
    is_sheet = filled > SOLID
    is_wide = shorter > MIN_ASPECT * longer
    result: Flags = is_wide & (is_sheet | is_blot)
    return result


def are_frames(regions: Regions, widths: Floats) -> Flags:
    """Return which regions are thin and have pixels in all corners of their box."""
    longer, shorter = sides(regions)
    count = len(regions)
    labels = regions.labels
    left, top, right, bottom = regions.boxes[labels].T
    reaches = np.maximum(CORNER * longer, 2)
    reach = reaches[labels]
    at_left = regions.columns - left < reach
    at_right = right - 1 - regions.columns < reach
    at_top = regions.rows - top < reach
    at_bottom = bottom - 1 - regions.rows < reach
    corners = np.zeros(count, np.int64)
    for across in (at_left, at_right):
        for down in (at_top, at_bottom):
            in_corner = labels[across & down]
            pixels = np.bincount(in_corner, minlength=count)
            corners += pixels > 0
    is_thin = shorter > FRAME_STROKES * widths
    has_corners = corners == FRAME_CORNERS
    result: Flags = has_corners & is_thin
    return result
