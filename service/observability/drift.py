"""Drift of inspected images: the population stability index of percentiles.

The percentiles of images like those of the calibration are uniform. The index compares
their shares in ten equal bins with a tenth each: Siddiqi 2006, Credit Risk Scorecards,
chapter 6, where more than 0.25 is a significant shift.
"""

import mmap
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BINS = tuple(range(10, 101, 10))  # upper bounds of percentiles
WINDOW_IMAGES = 200
EMPTY_BIN = 0.5  # images that an empty bin counts as: its logarithm is finite
SIGNIFICANT = 0.25
# Quantile of chi-square with nine degrees of freedom, for a probability of 1e-6.
LARGEST_BY_CHANCE = 44.8


class PercentileWindow:
    """Percentiles of the last images that all processes have inspected.

    A ring in memory shared with processes that are forked later. Nothing is locked: two
    processes that write at the same moment may lose an image, which one of 200 shows
    hardly.
    """

    def __init__(self) -> None:
        """Allocate the memory."""
        self._memory = mmap.mmap(-1, 8 * (1 + WINDOW_IMAGES))
        # The number of images so far, and the ring; NaN: no image yet.
        self._cells = memoryview(self._memory).cast("d")
        self.clear()

    def clear(self) -> None:
        """Forget all images."""
        self._cells[0] = 0
        for cell in range(1, 1 + WINDOW_IMAGES):
            self._cells[cell] = np.nan

    def add(self, percentiles: Sequence[float]) -> None:
        """Add the percentiles of images."""
        cells = self._cells
        for percentile in percentiles:
            count = int(cells[0])
            place = count % WINDOW_IMAGES
            cells[1 + place] = percentile
            cells[0] = count + 1

    def stability_index(self) -> float:
        """Return the index of the window, 0 or more; 0 until it is full."""
        percentiles = np.array(self._cells[1:])
        if np.isnan(percentiles).any():
            return 0.0
        return stability_index(percentiles)


def stability_index(percentiles: NDArray[np.float64]) -> float:
    """Return the population stability index of percentiles (images,)."""
    bins = np.searchsorted(BINS, percentiles)
    counts = np.bincount(bins, minlength=len(BINS))
    positive = np.maximum(counts, EMPTY_BIN)
    shares = positive / len(percentiles)
    expected = 1 / len(BINS)
    logarithms = np.log(shares / expected)
    terms = (shares - expected) * logarithms
    return float(terms.sum())


def stability_limit(calibration_images: int) -> float:
    """Return the index above which images have drifted.

    It is the significant one, or the largest by chance if there are few images:
    Yurdakul 2018, Statistical properties of the population stability index.
    """
    variance = 1 / WINDOW_IMAGES + 1 / calibration_images
    by_chance = LARGEST_BY_CHANCE * variance
    return max(SIGNIFICANT, by_chance)
