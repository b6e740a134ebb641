"""Ruled lines, squares and dark edges: thin straight lines from edge to edge."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.imaging.ink.arrays import Mask

MAX_THICKNESS = 0.025  # of a line, relative to the page's shorter side
MIN_COVERAGE = 0.75  # of a line's length that is ink
END_MARGIN = 0.06  # distance of its ends to the page's edges, relative to its length
MAX_SLOPE = 0.08  # 4.6 degrees
SLOPES = 33  # tried from -MAX_SLOPE to MAX_SLOPE
MAX_SAMPLES = 8000  # pixels that the slope is found from
MIN_SIDE = 64  # of a page; on smaller ones, a line looks like a stroke

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of one direction.

    Attributes:
        mask: Their pixels, without those that are also a stroke's.
        count: Number of lines.
    """

    mask: Mask
    count: int


def find_lines(ink: Mask) -> Lines:
    """Return the nearly horizontal and the nearly vertical lines in a mask of ink."""
    if min(ink.shape) < MIN_SIDE:
        return Lines(np.zeros_like(ink), 0)
    across, rows = horizontal_lines(ink)
    down, columns = horizontal_lines(ink.T)
    mask = across | down.T
    return Lines(mask, rows + columns)


def horizontal_lines(ink: Mask) -> tuple[Mask, int]:
    """Return the pixels of nearly horizontal lines, and the number of lines.

    At the slope of the lines, a line's pixels are all in one row.
    """
    height, width = ink.shape
    limit = max(1, MAX_THICKNESS * min(height, width))
    runs = vertical_runs(ink)
    lines = np.zeros_like(ink)
    rows, columns = np.nonzero(ink)
    heights = runs[rows, columns]
    thin = heights <= limit
    shortest = width * (1 - 2 * END_MARGIN)
    if thin.sum() < MIN_COVERAGE * shortest / 2:
        return lines, 0
    slope = best_slope(rows[thin], columns[thin], ink.shape)
    levels = sheared(rows, columns, slope, width)
    lowest = int(levels.min())
    levels -= lowest
    is_line = line_levels(levels, columns, width)
    groups, thickness = group_levels(is_line, limit)
    if not thickness:
        return lines, 0
    on_line = groups[levels]
    thin = heights <= thickness + 2
    chosen = on_line & thin
    lines[rows[chosen], columns[chosen]] = True
    changes = np.diff(groups.astype(np.int8), prepend=0)
    starts = changes == 1
    return lines, int(starts.sum())


def best_slope(rows: Integers, columns: Integers, shape: tuple[int, int]) -> float:
    """Return the slope at which rows of pixels are the fullest."""
    width = shape[1]
    step = 1 + len(rows) // MAX_SAMPLES
    rows = rows[::step]
    columns = columns[::step]
    best = 0.0
    fullest = 0.0
    slopes = np.linspace(-MAX_SLOPE, MAX_SLOPE, SLOPES)
    for slope in sorted(slopes.tolist(), key=abs):
        levels = sheared(rows, columns, slope, width)
        levels -= levels.min()
        counts = np.bincount(levels)
        counts.sort()
        strongest = counts[-8:].astype(float)
        squares = strongest**2
        fullness = float(squares.sum())
        if fullness > 1.05 * fullest:
            best = slope
            fullest = fullness
    return best


def sheared(rows: Integers, columns: Integers, slope: float, width: int) -> Integers:
    """Return the rows of pixels after lines of that slope are made horizontal."""
    distances = np.arange(width) - width / 2  # from the middle
    rounded = np.rint(distances * slope)
    shifts = rounded.astype(np.int64)
    levels: Integers = rows - shifts[columns]
    return levels


def line_levels(levels: Integers, columns: Integers, width: int) -> Mask:
    """Return which rows, sheared, have pixels from edge to edge."""
    counts = np.bincount(levels)
    first = np.full(len(counts), width)
    last = np.zeros(len(counts), np.int64)
    np.minimum.at(first, levels, columns)
    np.maximum.at(last, levels, columns)
    margin = END_MARGIN * width
    from_left = first <= margin
    to_right = last >= width - 1 - margin
    lengths = last - first + 1
    full = counts >= MIN_COVERAGE * lengths
    result: Mask = from_left & to_right & full
    return result


def group_levels(is_line: Mask, max_thickness: float) -> tuple[Mask, int]:
    """Return the rows of thin lines with their soft edges, and the largest thickness."""
    padded = np.pad(is_line.astype(np.int8), 1)
    changes = np.diff(padded)
    starts = np.flatnonzero(changes == 1)
    ends = np.flatnonzero(changes == -1)
    groups = np.zeros_like(is_line)
    thickness = 0
    groups_of_lines = zip(starts.tolist(), ends.tolist(), strict=True)
    for start, end in groups_of_lines:
        rows = end - start
        if rows <= max(1, max_thickness):
            first = max(0, start - 1)
            groups[first : end + 1] = True
            thickness = max(thickness, rows)
    return groups, thickness


def vertical_runs(ink: Mask) -> NDArray[np.int32]:
    """Return the length of the vertical run of ink that each pixel is in."""
    height = ink.shape[0]
    rows = np.arange(height, dtype=np.int32)
    positions = rows[:, np.newaxis]
    above = np.where(ink, -1, positions)
    last_gap = np.maximum.accumulate(above, axis=0)
    below = np.where(ink, height, positions)[::-1]
    next_gap = np.minimum.accumulate(below, axis=0)[::-1]
    # Runs at the edge count from the edge.
    result: NDArray[np.int32] = next_gap - last_gap - 1
    return result
