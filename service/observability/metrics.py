"""Counts in memory that all workers share: one row each, which /metrics adds up.

Shared memory instead of prometheus-client's files: no writable disk is needed, counting
takes 0.05 us, and the counts of a worker survive it. See docs/decisions for the
alternatives.
"""

import mmap
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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
# Upper bounds of the histograms' buckets.
SECONDS = (
    0.0001,
    0.00025,
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
)
BATCHES = tuple(2**power for power in range(9))
# Gauges: the first cells of a row.
IN_FLIGHT = 0
PENDING = 1
MILLISECONDS = 1000  # in a second
# A worker and its successor may serve at the same time as a predecessor that waits for
# an answer of the supervisor.
ROWS_OF_SLOT = 3
# Keys of the counters of workers.
RESTARTS = "restarts"
TIMEOUTS = "timeouts"

Key = tuple[str, ...]
Cells = dict[Key, int]  # the first cell of each metric


class Duration(NamedTuple):
    """Number of requests, and their time in seconds."""

    requests: int
    seconds: float


class RouteCounts(NamedTuple):
    """Counts of a route: images answered, and ended requests by status."""

    images: int
    durations: Mapping[int, Duration]


class Counts(NamedTuple):
    """Counts of all requests, or of those to one model."""

    cells: Cells
    inspections: InspectionMetrics


class Metrics:
    """Counts of all processes. Row 0 is the main process's, or the only one's.

    A row has cells for all requests, and a block of cells for each of several models.

    gauges: numbers of this process, written in place.
    """

    def __init__(
        self,
        routes: Sequence[str],
        problems: Sequence[str],
        workers: int = 1,
        model_routes: Sequence[str] = (),
        max_models: int = 0,
    ) -> None:
        """Allocate memory for all possible labels.

        The memory is shared with processes that are forked later.

        problems: problem types.
        model_routes: routes of one model, which are counted by model.
        max_models: number of models that are counted apart; 0: all together.
        """
        self.workers = workers
        self._routes = set(routes) | {OTHER}
        keys = all_keys(routes, problems)
        model_keys: list[Key] = [("pending",), ("cost",)]
        model_keys += request_keys(model_routes, model_routes)
        rows = 1 + ROWS_OF_SLOT * workers
        self._cell, start = layout(keys)
        self._total = Counts(self._cell, InspectionMetrics(rows))
        self._free: list[Counts] = []
        for _ in range(max_models):
            block, start = layout(model_keys, start)
            self._free.append(Counts(block, InspectionMetrics(rows)))
        self._all_counts = [self._total, *self._free]
        self._by_model: dict[str, Counts] = {}
        self._width = start
        self._memory = mmap.mmap(-1, 8 * rows * self._width)
        self.write_to(0)

    def count_models(self, names: Collection[str]) -> None:
        """Count these models apart, if models are.

        Counts of other models stay until their cells are needed.
        """
        by_model = dict(self._by_model)
        unused = [name for name in by_model if name not in names]
        for name in names:
            if name in by_model:
                continue
            if self._free:
                by_model[name] = self._free.pop(0)
            elif unused:
                counts = by_model.pop(unused.pop(0))
                self._clear(counts)
                by_model[name] = counts
        self._by_model = by_model

    def _clear(self, counts: Counts) -> None:
        """Set the counts of a model to 0 in all rows."""
        start = counts.cells["pending",]
        last = max(counts.cells.values())
        rows = self._rows()
        rows[:, start : last + 1] = 0
        counts.inspections.clear()

    def _counts_of(self, model: str) -> Counts:
        """Return the counts of a model, or of all requests if it has none of its own."""
        return self._by_model.get(model, self._total)

    def pending_cell(self, model: str) -> int:
        """Return the gauge of a model's pending work."""
        cells = self._counts_of(model).cells
        return cells["pending",]

    def inspections_of(self, model: str) -> InspectionMetrics:
        """Return the metrics of the images that a model inspects."""
        return self._counts_of(model).inspections

    def rows_of(self, slot: int) -> range:
        """Return the rows of a worker's slot, which is counted from 0."""
        first = 1 + slot
        end = 1 + ROWS_OF_SLOT * self.workers
        return range(first, end, self.workers)

    def write_to(self, row: int) -> None:
        """Use a row as this process's own. Its counters go on, its gauges start at 0."""
        self._row = self._cells_of(row)
        for counts in self._all_counts:
            counts.inspections.write_to(row)
        self.gauges = self._row
        self.clear_gauges(row)

    def clear_gauges(self, row: int) -> None:
        """Set the gauges of a row to 0: its process has just begun, or has ended."""
        cells = self._cells_of(row)
        cells[IN_FLIGHT] = 0
        for counts in self._all_counts:
            pending = counts.cells["pending",]
            cells[pending] = 0

    def _cells_of(self, row: int) -> "memoryview[float]":
        """Return the cells of one row, not a copy."""
        start = row * self._width
        end = start + self._width
        cells = memoryview(self._memory).cast("d")
        return cells[start:end]

    def _rows(self) -> NDArray[np.float64]:
        """Return the cells of all rows, (rows, cells), not a copy."""
        cells = np.frombuffer(self._memory)
        return cells.reshape(-1, self._width)

    def heartbeats(self, row: int) -> float:
        """Return a number that grows while the event loop of a row's process runs."""
        cells = self._cells_of(row)
        cell = self._cell["heartbeats",]
        return cells[cell]

    def add(self, *key: str) -> None:
        """Increment a counter, such as ("problem", name) or ("restarts",)."""
        cell = self._cell[key]
        self._row[cell] += 1

    def count_request(self, context: RequestContext, seconds: float) -> str:
        """Count a request that has ended; return the label of its route.

        A path without a route counts as ``other``, so that clients cannot add labels.
        """
        route = context.route if context.route in self._routes else OTHER
        cells, inspections = self._by_model.get(context.model, self._total)
        duration = cells["request", route, str(context.status)]
        self._observe(duration, SECONDS, seconds)
        if context.problem:
            self.add("problem", context.problem)
        if context.images and context.status == SUCCESS:
            row = self._row
            images = cells["images", route]
            row[images] += context.images
            batch = self._cell["batch",]
            self._observe(batch, BATCHES, context.images)
            cost = cells["cost",]
            row[cost] += context.cost / MILLISECONDS
            stage = self._cell["stage", STAGES[0]]
            row[stage] += context.queue
            row[stage + 1] += context.read
            row[stage + 2] += context.infer
            row[stage + 3] += context.write
            if context.percentiles:
                inspections.add(context.percentiles, context.brightness_percentiles)
        return route

    def _observe(self, cell: int, bounds: Sequence[float], value: float) -> None:
        """Add a value to a histogram: its bucket, and the sum after the buckets.

        cell: the first of its cells.
        """
        bucket = cell + bisect_left(bounds, value)
        total = cell + len(bounds) + 1
        self._row[bucket] += 1
        self._row[total] += value

    def route_counts(self, route: str, model: str = "") -> RouteCounts:
        """Return what all workers have counted for a route and a model."""
        sums = self.sums()
        block = self._counts_of(model).cells
        durations = {}
        for status in STATUSES:
            cell = block["request", route, str(status)]
            end = cell + len(SECONDS) + 1
            requests = sum(sums[cell:end])
            durations[status] = Duration(int(requests), sums[end])
        images = sums[block["images", route]]
        return RouteCounts(int(images), durations)

    def sums(self) -> list[float]:
        """Return the cells, summed over all workers."""
        used = [self._total, *self._by_model.values()]
        last_cells = [max(counts.cells.values()) for counts in used]
        end = max(last_cells) + 1
        # Cells that are never read take no memory.
        rows = self._rows()[:, :end]
        sums: list[float] = rows.sum(axis=0).tolist()
        return sums

    def labelled(self) -> Iterator[tuple[dict[str, str], Cells]]:
        """Return the cells of all requests, and those of each model with its label."""
        yield {}, self._cell
        for name, counts in sorted(self._by_model.items()):
            yield {"model": name}, counts.cells


def layout(keys: Iterable[Key], start: int = 0) -> tuple[Cells, int]:
    """Return the first cell of each metric, and the cell after all of them."""
    first: Cells = {}
    for key in keys:
        first[key] = start
        start += cells(key)
    return first, start


def all_keys(routes: Iterable[str], problems: Iterable[str]) -> list[Key]:
    """Return the keys of a row, the gauges first."""
    keys: list[Key] = [
        ("in_flight",),
        ("pending",),
        ("heartbeats",),
        ("batch",),
        ("cost",),
        (RESTARTS,),
        (TIMEOUTS,),
    ]
    keys += request_keys([*routes, OTHER], routes)
    keys += [("problem", name) for name in problems]
    keys += [("stage", stage) for stage in STAGES]
    keys += [("reload", result) for result in RELOADS]
    keys += [("cut", reason) for reason in CUTS]
    return keys


def request_keys(routes: Iterable[str], image_routes: Iterable[str]) -> list[Key]:
    """Return the keys of requests by route and status, and of images by route."""
    statuses = map(str, STATUSES)
    keys: list[Key] = [
        ("request", route, status) for route, status in product(routes, statuses)
    ]
    keys += [("images", route) for route in image_routes]
    return keys


def cells(key: Key) -> int:
    """Return the number of cells of a metric; a histogram has buckets and a sum."""
    if key[0] == "request":
        return len(SECONDS) + 2
    if key[0] == "batch":
        return len(BATCHES) + 2
    return 1
