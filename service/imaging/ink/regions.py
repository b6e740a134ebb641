"""Connected regions of a mask, labelled by their runs of pixels in rows."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.imaging.ink.arrays import Mask

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Regions:
    """Regions of a mask, connected by sides or corners, numbered from 0.

    Attributes:
        labels: int64 (pixels,), the region of each pixel, row by row.
        rows, columns: int64 (pixels,), positions of the pixels.
        areas: int64 (regions,), their pixels.
        boxes: int64 (regions, 4): left, top, right and bottom edge.
    """

    labels: Integers
    rows: Integers
    columns: Integers
    areas: Integers
    boxes: Integers

    def __len__(self) -> int:
        """Return the number of regions."""
        return len(self.areas)


def find_regions(mask: Mask) -> Regions:
    """Return the connected regions of a mask."""
    height, width = mask.shape
    stride = width + 2  # a run ends at its row's end
    padded = np.zeros((height, stride), np.int8)
    padded[:, 1:-1] = mask
    changes = np.diff(padded.ravel(), prepend=0)
    starts = np.flatnonzero(changes == 1)
    ends = np.flatnonzero(changes == -1)
    run_labels = connect_runs(starts, ends, stride)
    labels = np.repeat(run_labels, ends - starts)
    rows, columns = np.nonzero(mask)
    last_label = int(run_labels.max(initial=-1))
    count = last_label + 1
    areas = np.bincount(labels, minlength=count)
    boxes = np.empty((count, 4), np.int64)
    boxes[:, :2] = max(height, width)
    boxes[:, 2:] = 0
    left, top, right, bottom = boxes.T
    run_rows, run_starts = np.divmod(starts, stride)
    run_ends = ends - run_rows * stride
    np.minimum.at(left, run_labels, run_starts - 1)
    np.minimum.at(top, run_labels, run_rows)
    np.maximum.at(right, run_labels, run_ends - 1)
    np.maximum.at(bottom, run_labels, run_rows + 1)
    return Regions(labels, rows, columns, areas, boxes)


def connect_runs(starts: Integers, ends: Integers, stride: int) -> Integers:
    """Return the region of each run; runs are in order of rows, ``stride`` long."""
    # Runs of the next row that share a side or a corner with each run.
    first = np.searchsorted(ends, starts + stride)
    last = np.searchsorted(starts, ends + stride, side="right")
    counts = last - first
    runs = np.arange(len(starts))
    upper = np.repeat(runs, counts)
    first_of_run = np.cumsum(counts) - counts
    pairs = np.arange(len(upper))
    offsets = pairs - np.repeat(first_of_run, counts)
    lower = np.repeat(first, counts) + offsets
    parents = runs
    while True:
        upper_parents = parents[upper]
        lower_parents = parents[lower]
        smaller = np.minimum(upper_parents, lower_parents)
        hooked = parents.copy()
        np.minimum.at(hooked, upper_parents, smaller)
        np.minimum.at(hooked, lower_parents, smaller)
        hooked = hooked[hooked]
        if np.array_equal(hooked, parents):
            break
        parents = hooked
    _, labels = np.unique(parents, return_inverse=True)
    return labels
