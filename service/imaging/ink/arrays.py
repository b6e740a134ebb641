"""Arrays of a page, and sliding operations on them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]  # (height, width)
Levels = NDArray[np.float32]  # (height, width), grey levels or their differences
Mask = NDArray[np.bool]  # (height, width)
Box = tuple[int, int, int, int]  # left, top, right and bottom edge


def dilate(mask: Mask, radius: int) -> Mask:
    """Return a mask grown by ``radius`` pixels in each direction, diagonals too."""
    if radius == 0:
        return mask
    across = spread(mask, radius)
    return spread(across.T, radius).T


def spread(mask: Mask, radius: int) -> Mask:
    """Return a mask grown by ``radius`` pixels to the left and to the right."""
    height, width = mask.shape
    sums = np.zeros((height, width + 1), np.int32)
    np.cumsum(mask, axis=1, out=sums[:, 1:])
    positions = np.arange(width)
    first = np.maximum(positions - radius, 0)
    last = np.minimum(positions + radius + 1, width)
    grown: Mask = sums[:, last] > sums[:, first]
    return grown


def box_mean(levels: Levels, radius: int) -> Levels:
    """Return the mean of the square of ``2 * radius + 1`` pixels around each pixel.

    The edges are repeated outwards.
    """
    if radius == 0:
        return levels
    across = row_mean(levels, radius)
    return row_mean(across.T, radius).T


def row_mean(levels: Levels, radius: int) -> Levels:
    """Return the mean of each pixel's neighbours in its row."""
    padding = ((0, 0), (radius, radius))
    padded = np.pad(levels, padding, mode="edge")
    count = 2 * radius + 1
    width = levels.shape[1]
    total = padded[:, :width].copy()
    for offset in range(1, count):
        total += padded[:, offset : offset + width]
    total /= count
    return total


def running_maximum(levels: Levels, radius: int) -> Levels:
    """Return the maximum of the square around each pixel, cut at the edges."""
    across = row_maximum(levels, radius)
    return row_maximum(across.T, radius).T


def row_maximum(levels: Levels, radius: int) -> Levels:
    """Return the maximum of each pixel's neighbours in its row."""
    result = levels.copy()
    width = levels.shape[1]
    reach = min(radius, width - 1)
    for offset in range(1, reach + 1):
        after = result[:, offset:]
        before = result[:, :-offset]
        neighbours_before = levels[:, :-offset]
        neighbours_after = levels[:, offset:]
        np.maximum(after, neighbours_before, out=after)
        np.maximum(before, neighbours_after, out=before)
    return result


def closing(levels: Levels, radius: int) -> Levels:
    """Return levels without dark structures narrower than ``2 * radius + 1``.

    Serra, Image Analysis and Mathematical Morphology, 1982.
    """
    maximum = running_maximum(levels, radius)
    return -running_maximum(-maximum, radius)


def border_of(page: NDArray[Any]) -> NDArray[Any]:
    """Return the pixels of a page's four edges, in one row."""
    top = page[0]
    bottom = page[-1]
    left = page[:, 0]
    right = page[:, -1]
    return np.concatenate((top, bottom, left, right))


def box_of(mask: Mask) -> Box:
    """Return the box around a mask that is not empty."""
    columns = np.any(mask, axis=0)
    rows = np.any(mask, axis=1)
    left, right = true_range(columns)
    top, bottom = true_range(rows)
    return left, top, right, bottom


def true_range(values: NDArray[np.bool]) -> tuple[int, int]:
    """Return the first index of a true value, and the index after the last."""
    indices = np.flatnonzero(values)
    first = int(indices[0])
    last = int(indices[-1])
    return first, last + 1
