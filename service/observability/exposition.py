"""The metrics in Prometheus's text format."""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from service.observability.metrics import (
    BATCHES,
    IN_FLIGHT,
    RESTARTS,
    SECONDS,
    TIMEOUTS,
    Metrics,
)

# Counters with one label: kind of key, metric, label, documentation.
COUNTERS = (
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
    (RESTARTS, "vae_worker_restarts", "Workers that died and were replaced."),
    (
        TIMEOUTS,
        "vae_worker_timeouts",
        "Workers killed because their event loop did not respond.",
    ),
)


class ServedInfo(NamedTuple):
    """Description of a model for its metrics.

    name: label of its inspections.
    labels: of ``vae_model_info``.
    calibration_images: number of images that its inspections are calibrated on; 0: it
        cannot inspect.
    """

    name: str
    labels: dict[str, str]
    calibration_images: int = 0


def metrics_text(metrics: Metrics, models: Sequence[ServedInfo]) -> bytes:
    """Return all metrics in Prometheus's text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Families(metrics, models))
    return generate_latest(registry)


class Families(Collector):
    """Metric families of one response, all of the same counts."""

    def __init__(self, metrics: Metrics, models: Sequence[ServedInfo]) -> None:
        self._metrics = metrics
        self._models = models
        self._sums = metrics.sums()
        everything, *by_model = metrics.labelled()
        _, self._cells = everything
        self._all_cells = [everything, *by_model]
        # Only requests that no model has computed are counted without a model.
        self._model_cells = by_model or [everything]

    @override
    def collect(self) -> Iterator[Metric]:
        sums = self._sums
        yield self._durations()
        yield self._batches()
        yield from self._labelled_counters()
        yield GaugeMetricFamily(
            "vae_requests_in_flight",
            "Requests in progress.",
            sums[IN_FLIGHT],
        )
        yield GaugeMetricFamily(
            "vae_workers",
            "Worker processes.",
            self._metrics.workers,
        )
        for total_key, name, documentation in TOTALS:
            total = sums[self._cells[total_key,]]
            yield CounterMetricFamily(name, documentation, total)
        yield self._images()
        yield from self._work()
        info = GaugeMetricFamily("vae_model_info", "The model.")
        for model in self._models:
            info.add_sample(info.name, model.labels, 1)
        yield info
        yield from self._inspections()

    def _durations(self) -> Metric:
        """Return the durations of requests, by model where there are several."""
        family = HistogramMetricFamily(
            "vae_request_duration_seconds",
            "Time from a request's headers to the end of its response.",
        )
        for labels, cells in self._all_cells:
            for key, cell in cells.items():
                if key[0] == "request":
                    _, route, status = key
                    names = labels | {"route": route, "status": status}
                    self._add_histogram(family, names, SECONDS, cell)
        return family

    def _batches(self) -> Metric:
        """Return the sizes of requests."""
        family = HistogramMetricFamily(
            "vae_batch_images", "Images of each answered request."
        )
        self._add_histogram(family, {}, BATCHES, self._cells["batch",])
        return family

    def _labelled_counters(self) -> Iterator[Metric]:
        """Return the counters with one label."""
        for kind, name, label, documentation in COUNTERS:
            counter = CounterMetricFamily(name, documentation, labels=[label])
            for key, cell in self._cells.items():
                if key[0] == kind:
                    counter.add_metric(key[1:], self._sums[cell])
            yield counter

    def _images(self) -> Metric:
        """Return the images answered, by model where there are several."""
        family = CounterMetricFamily(
            "vae_images", "Images of the requests that were answered."
        )
        for labels, cells in self._model_cells:
            for key, cell in cells.items():
                if key[0] == "images":
                    names = labels | {"route": key[1]}
                    images = self._sums[cell]
                    family.add_sample("vae_images_total", names, images)
        return family

    def _work(self) -> Iterator[Metric]:
        """Return the work done and pending, by model where there are several."""
        done = CounterMetricFamily(
            "vae_cost_seconds",
            "Estimated processor time of the requests that were answered.",
        )
        pending = GaugeMetricFamily(
            "vae_queue_seconds",
            "Estimated processor time of requests admitted and not yet answered.",
        )
        for labels, cells in self._model_cells:
            done_seconds = self._sums[cells["cost",]]
            done.add_sample("vae_cost_seconds_total", labels, done_seconds)
            pending_seconds = self._sums[cells["pending",]]
            pending.add_sample("vae_queue_seconds", labels, pending_seconds)
        yield from (done, pending)

    def _inspections(self) -> Iterator[Metric]:
        """Return the metrics of inspections, with the samples of all models."""
        families: dict[str, Metric] = {}
        for model in self._models:
            if not model.calibration_images:
                continue
            inspections = self._metrics.inspections_of(model.name)
            for family in inspections.families(model.name, model.calibration_images):
                merged = families.setdefault(family.name, family)
                if merged is not family:
                    merged.samples += family.samples
        yield from families.values()

    def _add_histogram(
        self,
        family: Metric,
        labels: dict[str, str],
        bounds: Sequence[float],
        cell: int,
    ) -> None:
        """Add a histogram to its family, unless all its counts are 0 and it has labels.

        cell: the first of its cells: a count for each bound and beyond, then the sum.
        """
        end = cell + len(bounds) + 1
        counts = self._sums[cell:end]
        if labels and not any(counts):
            return
        uppers = [f"{bound:g}" for bound in bounds]
        uppers.append("+Inf")
        cumulative = list(accumulate(counts))
        for upper, count in zip(uppers, cumulative, strict=True):
            names = labels | {"le": upper}
            family.add_sample(f"{family.name}_bucket", names, count)
        total = cumulative[-1]
        family.add_sample(f"{family.name}_count", labels, total)
        family.add_sample(f"{family.name}_sum", labels, self._sums[end])
