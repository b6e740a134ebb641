"""What the service counts, in memory that all workers share: each writes a row of its own, /metrics adds them up.

Shared memory rather than prometheus-client's files: nothing to write on a read-only disk, a count takes a twentieth of
a microsecond, and what a worker has counted outlives it.
"""

import mmap
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate, product

import numpy as np
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from service.model.card import ModelCard

OTHER = "other"
CLIENT_GONE = (
    499  # nginx's word for a client that left before its answer; no answer carries it
)
STATUSES = (
    200,
    202,
    206,
    304,
    400,
    401,
    404,
    405,
    406,
    408,
    413,
    415,
    416,
    422,
    431,
    CLIENT_GONE,
    500,
    503,
)
STAGES = ("queue", "decode", "infer", "encode")
RELOADS = ("ok", "refused")
SECONDS = (
    *(factor * 10.0**power for power in range(-4, 1) for factor in (1, 2.5, 5)),
    10.0,
)
BATCHES = tuple(2**power for power in range(9))

Key = tuple[str, ...]


class Metrics:
    """Counts of all workers, and of the process that forks them or serves alone: row 0.

    ``routes`` and ``refusals`` are the labels that there can be.
    """

    def __init__(
        self, routes: Sequence[str], refusals: Sequence[str], workers: int = 1
    ) -> None:
        labels = [*routes, OTHER]
        keys: list[Key] = [
            *(
                ("request", route, str(status))
                for route, status in product(labels, STATUSES)
            ),
            ("batch",),
            *(("images", route) for route in routes),
            *((("problem", kind)) for kind in refusals),
            *(("stage", stage) for stage in STAGES),
            *(("reload", result) for result in RELOADS),
            ("in_flight",),
            ("pending",),
            ("restarts",),
        ]
        widths = [
            {"request": len(SECONDS) + 2, "batch": len(BATCHES) + 2}.get(key[0], 1)
            for key in keys
        ]
        self._place = dict(zip(keys, accumulate([0, *widths]), strict=False))
        self._width = sum(widths)
        self._in_flight, self._pending = (
            self._place["in_flight",],
            self._place["pending",],
        )
        self._workers = workers
        # Two rows for each worker: it and its successor may serve at the same time.
        rows = 1 + 2 * workers
        # Anonymous: shared with the processes that are forked from here on.
        self._memory = mmap.mmap(-1, 8 * rows * self._width)
        self._routes = set(labels)
        self.write_to(0)

    def rows_of(self, slot: int) -> tuple[int, int]:
        """Return the two rows of a worker's slot, which is counted from 0."""
        return 1 + slot, 1 + self._workers + slot

    def write_to(self, row: int) -> None:
        """Take a row as this process's own."""
        self._row = self._row_at(row)
        self.clear_gauges(row)

    def clear_gauges(self, row: int) -> None:
        """Set the gauges of a row to 0: no process, or a new one, writes to it."""
        values = self._row_at(row)
        values[self._in_flight] = 0
        values[self._pending] = 0

    def _row_at(self, row: int) -> "memoryview[float]":
        start = row * self._width
        return memoryview(self._memory).cast("d")[start : start + self._width]

    def add(self, *key: str) -> None:
        """Count one more of ("refusal", kind), ("reload", result) or ("restarts",)."""
        self._row[self._place[key]] += 1

    def in_flight(self, change: int) -> None:
        """Count requests that are being answered, up or down."""
        self._row[self._in_flight] += change

    def pending(self, change: int) -> None:
        """Count images that are taken in and not answered, up or down."""
        self._row[self._pending] += change

    def label(self, route: str) -> str:
        """The route itself where it is one of those known, else ``other``: what is asked for must not make labels."""
        return route if route in self._routes else OTHER

    def request(self, route: str, status: int, seconds: float) -> None:
        """Count an answered request; ``route`` is a label."""
        place = self._place["request", route, str(status)]
        self._row[place + bisect_left(SECONDS, seconds)] += 1
        self._row[place + len(SECONDS) + 1] += seconds

    def work(self, route: str, images: int, stages: Sequence[float]) -> None:
        """Count the images of a request, and the time that each of STAGES took."""
        row = self._row
        row[self._place["images", route]] += images
        place = self._place["batch",]
        row[place + bisect_left(BATCHES, images)] += 1
        row[place + len(BATCHES) + 1] += images
        place = self._place["stage", STAGES[0]]
        for offset, seconds in enumerate(stages):
            row[place + offset] += seconds

    def text(self, card: ModelCard) -> bytes:
        """All counts in Prometheus's text format."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(Page(self._families(card)))
        return generate_latest(registry)

    def _families(self, card: ModelCard) -> Iterator[Metric]:
        sums: list[float] = (
            np.frombuffer(self._memory).reshape(-1, self._width).sum(axis=0).tolist()
        )

        def values(kind: str) -> Iterator[tuple[Key, float]]:
            return (
                (key[1:], sums[place])
                for key, place in self._place.items()
                if key[0] == kind
            )

        duration = HistogramMetricFamily(
            "vae_request_duration_seconds",
            "Time from a request's headers to the end of its answer.",
            labels=["route", "status"],
        )
        for (route, status), _ in values("request"):
            place = self._place["request", route, status]
            counts = sums[place : place + len(SECONDS) + 1]
            if any(counts):
                duration.add_metric(
                    [route, status],
                    buckets(SECONDS, counts),
                    sums[place + len(SECONDS) + 1],
                )
        yield duration

        place = self._place["batch",]
        batch = HistogramMetricFamily("vae_batch_images", "Images of a request.")
        batch.add_metric(
            [],
            buckets(BATCHES, sums[place : place + len(BATCHES) + 1]),
            sums[place + len(BATCHES) + 1],
        )
        yield batch

        for kind, name, label, text in (
            (
                "images",
                "vae_images",
                "route",
                "Images that requests brought or asked for.",
            ),
            (
                "problem",
                "vae_refusals",
                "type",
                "Requests refused, by the last part of the problem's type.",
            ),
            (
                "stage",
                "vae_stage_seconds",
                "stage",
                "Time spent waiting, decoding bodies, in the model, encoding.",
            ),
            (
                "reload",
                "vae_model_reloads",
                "result",
                "Models loaded anew, or refused.",
            ),
        ):
            counter = CounterMetricFamily(name, text, labels=[label])
            for labels, value in values(kind):
                counter.add_metric(labels, value)
            yield counter

        in_flight, pending, restarts = (
            sums[self._place[name,]] for name in ("in_flight", "pending", "restarts")
        )
        yield GaugeMetricFamily(
            "vae_requests_in_flight", "Requests being answered.", in_flight
        )
        yield GaugeMetricFamily(
            "vae_pending_images", "Images taken in and not answered.", pending
        )
        yield GaugeMetricFamily("vae_workers", "Processes that answer.", self._workers)
        yield CounterMetricFamily("vae_worker_restarts", "Workers replaced.", restarts)
        info = GaugeMetricFamily(
            "vae_model_info",
            "The model.",
            labels=["name", "encoder_sha256", "decoder_sha256"],
        )
        info.add_metric(
            [card.name, card.graphs.encoder.sha256, card.graphs.decoder.sha256], 1
        )
        yield info


class Page(Collector):
    """Families for one answer."""

    def __init__(self, families: Iterator[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        """See ``Collector``."""
        return self._families


def buckets(bounds: Sequence[float], counts: list[float]) -> list[tuple[str, float]]:
    """Cumulative counts by upper bound, as Prometheus has them."""
    return list(
        zip(
            [*(f"{bound:g}" for bound in bounds), "+Inf"],
            accumulate(counts),
            strict=True,
        )
    )
