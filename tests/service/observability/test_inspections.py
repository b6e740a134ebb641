"""Metrics of inspections, counted by several processes."""

import os

import pytest

from service.observability.exposition import ServedInfo, metrics_text
from service.observability.inspections import InspectionMetrics
from service.observability.metrics import Metrics
from service.observability.request_context import RequestContext

DRIFT = 'vae_inspection_drift{model="parts",of="%s"} %s'


def lines(metrics: Metrics, images: int = 1000) -> set[str]:
    """Return the samples about inspections as lines."""
    text = metrics_text(metrics, [ServedInfo("parts", {}, images)]).decode()
    return {line for line in text.splitlines() if line.startswith("vae_inspection")}


def inspected(*percentiles: float, brightness: float = 50) -> RequestContext:
    """Return the context of a request that has inspected images."""
    return RequestContext(
        "id",
        route="/inspect",
        status=200,
        images=len(percentiles),
        percentiles=percentiles,
        brightness_percentiles=[brightness] * len(percentiles),
    )


@pytest.fixture
def metrics() -> Metrics:
    """Metrics of two workers."""
    return Metrics(["/inspect"], ["overloaded"], workers=2)


def test_percentiles_are_counted_by_tens(metrics: Metrics) -> None:
    """Buckets are cumulative, with inclusive bounds."""
    metrics.count_request(inspected(0, 10, 10.5, 100), 1)

    bucket = 'vae_inspection_percentile_bucket{le="%s",model="parts"} %s'
    assert {
        bucket % (10, 2.0),
        bucket % (20, 3.0),
        bucket % (90, 3.0),
        bucket % (100, 4.0),
        bucket % ("+Inf", 4.0),
        'vae_inspection_percentile_count{model="parts"} 4.0',
        'vae_inspection_percentile_sum{model="parts"} 120.5',
    } <= lines(metrics)


def test_the_rows_of_all_processes_are_added_up(metrics: Metrics) -> None:
    """Their windows are one."""
    for row in (1, 2):
        if not (process := os.fork()):
            metrics.write_to(row)
            metrics.count_request(inspected(*[99.0] * 100), 1)
            os._exit(0)
        assert os.waitpid(process, 0)[1] == 0

    assert 'vae_inspection_percentile_count{model="parts"} 200.0' in lines(metrics)
    assert DRIFT % ("score", 0.0) not in lines(metrics)
    assert DRIFT % ("brightness", 0.0) not in lines(metrics)


def test_scores_and_brightness_drift_by_themselves(metrics: Metrics) -> None:
    """Light that changes no score is seen by the brightness."""
    tens = range(10, 101, 10)
    for percentile in tens:
        metrics.count_request(inspected(*tens, *tens, brightness=percentile), 1)
    assert {DRIFT % ("score", 0.0), DRIFT % ("brightness", 0.0)} <= lines(metrics)

    metrics.count_request(inspected(*tens, brightness=100), 1)
    assert DRIFT % ("score", 0.0) in lines(metrics)
    assert DRIFT % ("brightness", 0.0) not in lines(metrics)


def test_another_model_starts_from_0(metrics: Metrics) -> None:
    """The limit depends on its calibration; without one there is nothing to see."""
    metrics.count_request(inspected(*[99.0] * 300), 1)
    metrics.inspections_of("parts").clear()

    assert {
        'vae_inspection_percentile_count{model="parts"} 0.0',
        DRIFT % ("score", 0.0),
        DRIFT % ("brightness", 0.0),
        'vae_inspection_drift_limit{model="parts"} 0.25',
    } <= lines(metrics, images=100_000)
    assert not lines(metrics, images=0)


def test_a_rejected_request_does_not_count(metrics: Metrics) -> None:
    """Its client has no inspection."""
    context = inspected(99.0)
    context.status = 503
    metrics.count_request(context, 1)

    assert 'vae_inspection_percentile_count{model="parts"} 0.0' in lines(metrics)


def test_a_row_of_its_own_is_kept() -> None:
    """A worker's successor goes on in its row."""
    inspections = InspectionMetrics(rows=3)
    inspections.write_to(2)
    inspections.add([50.0], [50.0])
    inspections.write_to(2)
    histogram = next(iter(inspections.families("parts", 99)))

    assert histogram.samples[-1].value == 50


def test_each_model_has_its_own_inspections() -> None:
    """They have its label, and start from 0 if it takes another's place."""
    metrics = Metrics(["/inspect"], [], model_routes=["/inspect"], max_models=2)
    metrics.count_models(["a", "b"])
    for name, count in (("a", 3), ("b", 1)):
        context = inspected(*[50.0] * count)
        context.model = name
        metrics.count_request(context, 1)
    infos = [ServedInfo("a", {}, 99), ServedInfo("b", {}, 99), ServedInfo("c", {})]
    text = metrics_text(metrics, infos).decode()

    assert text.count("# TYPE vae_inspection_percentile ") == 1
    assert 'vae_inspection_percentile_count{model="a"} 3.0' in text
    assert 'vae_inspection_percentile_count{model="b"} 1.0' in text
    metrics.count_models(["a", "d"])
    text = metrics_text(metrics, [ServedInfo("d", {}, 99)]).decode()
    assert 'vae_inspection_percentile_count{model="d"} 0.0' in text
