"""Metrics in memory that all workers share: one row each, which /metrics adds up.

Shared memory instead of prometheus-client's files: no writable disk is needed, counting
takes 0.05 us, and the counts of a worker survive it. See docs/decisions for the
alternatives.
"""

import mmap
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, chain, product
from typing import NamedTuple

import numpy as np
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from service.observability.inspections import InspectionMetrics
from service.observability.request_context import RequestContext

OTHER = "other"
# nginx's status for a client that left before its response; it is never sent.
CLIENT_GONE = 499
SUCCESS = 200
SUCCESSES = (SUCCESS, 202, 206, 304, 307)
CLIENT_ERRORS = (400, 401, 404, 405, 406, 408, 413, 415, 416, 422, 431, CLIENT_GONE)
SERVER_ERRORS = (500, 501, 503)
STATUSES = SUCCESSES + CLIENT_ERRORS + SERVER_ERRORS
STAGES = ("queue", "read", "infer", "write")
RELOADS = ("ok", "refused")
# Why connections are cut: their clients read too slowly; all of them hold too much
# memory; there are as many as open files are allowed; the service stops.
CUTS = ("unread", "memory", "descriptors", "stop")
DECADES = [10.0**power for power in range(-4, 1)]
SECONDS = tuple(factor * decade for decade in DECADES for factor in (1, 2.5, 5)) + (
    10.0,
)
BATCHES = tuple(2**power for power in range(9))
IN_FLIGHT, PENDING = 0, 1  # gauges: the first cells of a row
MILLISECONDS = 1000  # in a second
# Counters with one label: kind of key, metric, label, documentation.
COUNTERS = (
    ("images", "vae_images", "route", "Images of the requests that were answered."),
    (
        "problem",
        "vae_refusals",
        "type",
        "Requests rejected, by the last part of the problem's type.",
    ),
    (
        "stage",
        "vae_stage_seconds",
        "stage",
        "Time spent waiting, reading requests, in the model, writing responses.",
    ),
    ("reload", "vae_model_reloads", "result", "Reloads of the model."),
    (
        "cut",
        "vae_connections_cut",
        "reason",
        "Connections that the service ended without their clients' consent.",
    ),
)
# Counters without labels: key, metric, documentation.
TOTALS = (
    (
        "cost",
        "vae_cost_seconds",
        "Estimated processor time of the requests that were answered.",
    ),
    ("restarts", "vae_worker_restarts", "Workers that died and were replaced."),
    (
        "timeouts",
        "vae_worker_timeouts",
        "Workers killed because their event loop did not respond.",
    ),
)

Key = tuple[str, ...]


class Duration(NamedTuple):
    """Number of requests, and their time in seconds."""

    requests: int
    seconds: float


class RouteCounts(NamedTuple):
    """Counts of a route: images answered, and ended requests by status."""

    images: int
    durations: Mapping[int, Duration]


class Metrics:
    """Counts of all processes. Row 0 is the main process's, or the only one's.

    gauges: numbers of this process, written in place at IN_FLIGHT and PENDING.
    inspections: of the images that requests inspect.
    """

    def __init__(
        self, routes: Sequence[str], problems: Sequence[str], workers: int = 1
    ) -> None:
        """Allocate memory for all possible labels: routes and problem types.

        The memory is shared with processes that are forked later.
        """
        self._workers = workers
        self._routes = set(routes) | {OTHER}
        keys: list[Key] = [("in_flight",), ("pending",), ("heartbeats",), ("batch",)]
        keys += [(key,) for key, _, _ in TOTALS]
        statuses = map(str, STATUSES)
        keys += [
            ("request", route, status)
            for route, status in product(self._routes, statuses)
        ]
        keys += [("images", route) for route in routes]
        keys += [("problem", name) for name in problems]
        keys += [("stage", stage) for stage in STAGES]
        keys += [("reload", result) for result in RELOADS]
        keys += [("cut", reason) for reason in CUTS]
        widths = [cells(key) for key in keys]
        starts = accumulate(widths, initial=0)
        self._cell: dict[Key, int] = dict(zip(keys, starts, strict=False))
        self._width = sum(widths)
        # Two rows for each worker: it and its successor may serve at the same time.
        rows = 1 + 2 * workers
        self._memory = mmap.mmap(-1, 8 * rows * self._width)
        self.inspections = InspectionMetrics(rows)
        self.write_to(0)

    def rows_of(self, slot: int) -> tuple[int, int]:
        """Return the two rows of a worker's slot, which is counted from 0."""
        return 1 + slot, 1 + self._workers + slot

    def write_to(self, row: int) -> None:
        """Use a row as this process's own. Its counters go on, its gauges start at 0."""
        self._row = self._cells_of(row)
        self.inspections.write_to(row)
        self.gauges = self._row[:2]
        self.clear_gauges(row)

    def clear_gauges(self, row: int) -> None:
        """Set the gauges of a row to 0: its process has just begun, or has ended."""
        cells = self._cells_of(row)
        cells[IN_FLIGHT] = cells[PENDING] = 0

    def _cells_of(self, row: int) -> "memoryview[float]":
        start = row * self._width
        return memoryview(self._memory).cast("d")[start : start + self._width]

    def heartbeats(self, row: int) -> float:
        """Return a number that grows while the event loop of a row's process runs."""
        return self._cells_of(row)[self._cell["heartbeats",]]

    def add(self, *key: str) -> None:
        """Increment a counter, such as ("problem", name) or ("restarts",)."""
        self._row[self._cell[key]] += 1

    def count_request(self, context: RequestContext, seconds: float) -> str:
        """Count a request that has ended; return the label of its route.

        A path without a route counts as ``other``, so that clients cannot add labels.
        """
        route = context.route if context.route in self._routes else OTHER
        self._observe(("request", route, str(context.status)), SECONDS, seconds)
        if context.problem:
            self.add("problem", context.problem)
        if context.images and context.status == SUCCESS:
            row = self._row
            row[self._cell["images", route]] += context.images
            self._observe(("batch",), BATCHES, context.images)
            row[self._cell["cost",]] += context.cost / MILLISECONDS
            cell = self._cell["stage", STAGES[0]]
            row[cell] += context.queue
            row[cell + 1] += context.read
            row[cell + 2] += context.infer
            row[cell + 3] += context.write
            if context.percentiles:
                self.inspections.add(context.percentiles)
        return route

    def _observe(self, key: Key, bounds: Sequence[float], value: float) -> None:
        """Add a value to a histogram: its bucket, and the sum after the buckets."""
        cell = self._cell[key]
        self._row[cell + bisect_left(bounds, value)] += 1
        self._row[cell + len(bounds) + 1] += value

    def route_counts(self, route: str) -> RouteCounts:
        """Return what all workers have counted for a route."""
        sums = self._sums()
        durations = {}
        for status in STATUSES:
            cell = self._cell["request", route, str(status)]
            end = cell + len(SECONDS) + 1
            durations[status] = Duration(int(sum(sums[cell:end])), sums[end])
        return RouteCounts(int(sums[self._cell["images", route]]), durations)

    def _sums(self) -> list[float]:
        """Return the cells, summed over all workers."""
        rows = np.frombuffer(self._memory).reshape(-1, self._width)
        sums: list[float] = rows.sum(axis=0).tolist()
        return sums

    def text(self, model: Mapping[str, str], calibration_images: int = 0) -> bytes:
        """Return all metrics in Prometheus's text format.

        model: labels of ``vae_model_info``.
        calibration_images: number of images that inspections are calibrated on; 0: the
            model cannot inspect.
        """
        families = self._families(model)
        if calibration_images:
            name = model["name"]
            inspections = self.inspections.families(name, calibration_images)
            families = chain(families, inspections)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(FamiliesCollector(families))
        return generate_latest(registry)

    def _families(self, model: Mapping[str, str]) -> Iterator[Metric]:
        sums = self._sums()
        yield from self._histograms(sums)
        for kind, name, label, documentation in COUNTERS:
            counter = CounterMetricFamily(name, documentation, labels=[label])
            for key, cell in self._cell.items():
                if key[0] == kind:
                    counter.add_metric(key[1:], sums[cell])
            yield counter
        yield GaugeMetricFamily(
            "vae_requests_in_flight", "Requests in progress.", sums[IN_FLIGHT]
        )
        yield GaugeMetricFamily(
            "vae_queue_seconds",
            "Estimated processor time of requests admitted and not yet answered.",
            sums[PENDING],
        )
        yield GaugeMetricFamily("vae_workers", "Worker processes.", self._workers)
        for total_key, name, documentation in TOTALS:
            total = sums[self._cell[total_key,]]
            yield CounterMetricFamily(name, documentation, total)
        info = GaugeMetricFamily("vae_model_info", "The model.", labels=list(model))
        info.add_metric(list(model.values()), 1)
        yield info

    def _histograms(self, sums: Sequence[float]) -> Iterator[Metric]:
        duration = HistogramMetricFamily(
            "vae_request_duration_seconds",
            "Time from a request's headers to the end of its response.",
            labels=["route", "status"],
        )
        for key, cell in self._cell.items():
            if key[0] == "request":
                counts = sums[cell : cell + len(SECONDS) + 1]
                if any(counts):
                    total = sums[cell + len(SECONDS) + 1]
                    duration.add_metric(key[1:], buckets(SECONDS, counts), total)
        yield duration
        cell = self._cell["batch",]
        counts = sums[cell : cell + len(BATCHES) + 1]
        total = sums[cell + len(BATCHES) + 1]
        batch = HistogramMetricFamily(
            "vae_batch_images", "Images of each answered request."
        )
        batch.add_metric([], buckets(BATCHES, counts), total)
        yield batch


class FamiliesCollector(Collector):
    """Metric families of one response."""

    def __init__(self, families: Iterator[Metric]) -> None:
        self._families = families

    @override
    def collect(self) -> Iterator[Metric]:
        return self._families


def cells(key: Key) -> int:
    """Return the number of cells of a metric; a histogram has buckets and a sum."""
    if key[0] == "request":
        return len(SECONDS) + 2
    if key[0] == "batch":
        return len(BATCHES) + 2
    return 1


def buckets(
    bounds: Sequence[float], counts: Sequence[float]
) -> list[tuple[str, float]]:
    """Return cumulative counts by upper bound, in Prometheus's form."""
    labels = [f"{bound:g}" for bound in bounds]
    labels.append("+Inf")
    return list(zip(labels, accumulate(counts), strict=True))
