"""Metrics of inspections: a histogram of percentiles, and their drift."""

import mmap
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate

import numpy as np
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from service.observability.drift import BINS, PercentileWindow, stability_limit

WIDTH = len(BINS) + 1  # cells of a row: the bins' counts and the percentiles' sum


class InspectionMetrics:
    """Percentiles of the images that all processes have inspected."""

    def __init__(self, rows: int) -> None:
        """Allocate memory that is shared with processes that are forked later.

        rows: number of processes that count at the same time.
        """
        self._memory = mmap.mmap(-1, 8 * rows * WIDTH)
        self._cells = memoryview(self._memory).cast("d")
        self._scores = PercentileWindow()
        self._brightness = PercentileWindow()
        self.write_to(0)

    def write_to(self, row: int) -> None:
        """Use a row as this process's own."""
        self._start = row * WIDTH

    def add(self, percentiles: Sequence[float], brightness: Sequence[float]) -> None:
        """Count the percentiles of images: of their scores and of their brightness."""
        last = self._start + WIDTH - 1
        for percentile in percentiles:
            place = bisect_left(BINS, percentile)
            self._cells[self._start + place] += 1
            self._cells[last] += percentile
        self._scores.add(percentiles)
        self._brightness.add(brightness)

    def clear(self) -> None:
        """Count from 0: the percentiles of another model mean something else."""
        for cell in range(len(self._cells)):
            self._cells[cell] = 0
        self._scores.clear()
        self._brightness.clear()

    def families(self, model: str, calibration_images: int) -> Iterator[Metric]:
        """Yield the metrics of a model that is calibrated on a number of images."""
        labels = ["model"]
        percentile = HistogramMetricFamily(
            "vae_inspection_percentile",
            "Percentiles of inspected images: uniform if they are like those of the "
            "calibration.",
            labels=labels,
        )
        *counts, total = self._sums()
        percentile.add_metric([model], buckets(counts), total)
        yield percentile
        drift = GaugeMetricFamily(
            "vae_inspection_drift",
            "Population stability index of the last 200 images; 0 until there are 200.",
            labels=["model", "of"],
        )
        drift.add_metric([model, "score"], self._scores.stability_index())
        drift.add_metric([model, "brightness"], self._brightness.stability_index())
        yield drift
        limit = GaugeMetricFamily(
            "vae_inspection_drift_limit",
            "Index above which images are no longer like those of the calibration.",
            labels=labels,
        )
        limit.add_metric([model], stability_limit(calibration_images))
        yield limit

    def _sums(self) -> list[float]:
        """Return the cells, summed over all processes."""
        rows = np.frombuffer(self._memory).reshape(-1, WIDTH)
        sums: list[float] = rows.sum(axis=0).tolist()
        return sums


def buckets(counts: Sequence[float]) -> list[tuple[str, float]]:
    """Return cumulative counts by upper bound, in Prometheus's form."""
    labels = [str(bound) for bound in BINS]
    cumulative = list(accumulate(counts))
    pairs = list(zip(labels, cumulative, strict=True))
    images = cumulative[-1]
    pairs.append(("+Inf", images))
    return pairs
