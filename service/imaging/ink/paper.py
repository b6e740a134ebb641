"""The paper's grey level at each pixel, and the camera's noise."""

import functools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.imaging.ink.arrays import Box, Levels, box_mean, closing

CELLS = 64  # of the longer side, on which the paper's level is estimated
TREND_PASSES = 2
MARGIN = 0.25  # around a box, relative to its longer side
SPREAD = (10, 90)  # percentiles
MEDIAN_MAGNITUDE = 0.6745  # of a standard normal variable

Basis = NDArray[np.floating]  # (cells, terms)


@dataclass(frozen=True, slots=True)
class Paper:
    """Light paper.

    Attributes:
        level: The page's grey levels without ink.
        cells: The same in cells of ``scale`` x ``scale`` pixels.
        trend: What a shadow or a lens explains of the cells.
    """

    level: Levels
    cells: Levels
    trend: Levels
    scale: int

    @property
    def shade(self) -> float:
        """Difference between the lightest and the darkest paper in grey levels."""
        return float(np.ptp(self.cells))

    def unevenness(self, box: Box) -> float:
        """Return how much the paper's level differs around a box, in grey levels.

        A gradual change does not count. Between strokes that are mistaken for paper and
        the real paper, there is a step.
        """
        left, top, right, bottom = box
        width = right - left
        height = bottom - top
        margin = MARGIN * max(width, height)
        rows = self._cell_range(top - margin, bottom + margin)
        columns = self._cell_range(left - margin, right + margin)
        level = self.cells[rows, columns]
        trend = self.trend[rows, columns]
        residual = level - trend
        return min(spread(level), spread(residual))

    def _cell_range(self, start: float, end: float) -> slice:
        """Return the cells that pixels from ``start`` to ``end`` are in."""
        first = math.floor(start / self.scale)
        last = math.ceil(end / self.scale)
        return slice(max(0, first), last)


def spread(levels: Levels) -> float:
    """Return the difference between a low and a high percentile."""
    low, high = np.percentile(levels, SPREAD)
    return float(high - low)


def find_paper(page: Levels, window: float) -> Paper:
    """Return light paper, also where dark ink covers it.

    A grey closing of a coarse image: ink is narrower than its window, a shadow is not.
    ``window`` is its radius, relative to the longer side.
    """
    height, width = page.shape
    longer = max(height, width)
    scale = max(1, math.ceil(longer / CELLS))
    reduced = Image.fromarray(page).reduce(scale)
    coarse = np.asarray(reduced)
    radius = math.ceil(window * max(coarse.shape))
    cells = closing(coarse, radius)
    trend = cells
    # A window is cut at the edges; there, a closing is exact only without a slope.
    for _ in range(TREND_PASSES):
        trend = quadratic_trend(cells)
        residual = coarse - trend
        cells = trend + closing(residual, radius)
    cells = box_mean(cells, 1)
    # The last cells of a row or column may be cut.
    box = (0, 0, width / scale, height / scale)
    image = Image.fromarray(cells)
    level = image.resize((width, height), Image.Resampling.BILINEAR, box)
    return Paper(np.asarray(level), cells, trend, scale)


def quadratic_trend(cells: Levels) -> Levels:
    """Return the quadratic polynomial of both coordinates with the least squares."""
    basis, projection = quadratic_basis(*cells.shape)
    weights = projection @ cells.ravel()
    trend = basis @ weights
    return trend.reshape(cells.shape).astype(np.float32)


@functools.lru_cache(maxsize=8)
def quadratic_basis(height: int, width: int) -> tuple[Basis, Basis]:
    """Return the terms at each cell, and the matrix from levels to their weights."""
    rows = np.linspace(-1, 1, height)
    columns = np.linspace(-1, 1, width)
    down, across = np.meshgrid(rows, columns, indexing="ij")
    terms = (
        np.ones_like(down),
        down,
        across,
        down**2,
        down * across,
        across**2,
    )
    stacked = np.stack(terms, axis=-1)
    basis = stacked.reshape(-1, len(terms))
    projection = np.linalg.pinv(basis)
    return basis, projection


def noise_deviation(page: Levels) -> float:
    """Return the standard deviation of the noise, by the differences of neighbours.

    Most neighbours have no edge between them, so that the median is that of the noise.
    """
    across = np.abs(np.diff(page, axis=1))
    down = np.abs(np.diff(page, axis=0))
    differences = np.concatenate((across.ravel(), down.ravel()))
    if not len(differences):
        return 0.0
    median = float(np.median(differences))
    return median / MEDIAN_MAGNITUDE / math.sqrt(2)
