"""Metrics of several processes, added up and written in Prometheus's format."""

import os

import pytest

from service.observability.exposition import metrics_text
from service.observability.metrics import CLIENT_GONE, PENDING, Metrics
from service.observability.request_context import RequestContext


def lines(metrics: Metrics) -> set[str]:
    """Return the samples as lines, without comments."""
    text = metrics_text(metrics, []).decode()
    return {line for line in text.splitlines() if not line.startswith("#")}


def five_images(seconds: float) -> RequestContext:
    """Return the context of a request of five images; each stage took this time."""
    return RequestContext(
        "id",
        route="/encode",
        status=200,
        images=5,
        queue=seconds,
        read=seconds,
        infer=seconds,
        write=seconds,
    )


@pytest.fixture
def metrics() -> Metrics:
    """Metrics of two workers."""
    return Metrics(["/encode"], ["overloaded"], workers=2)


def test_a_duration_is_counted_in_its_bucket_and_larger_ones(metrics: Metrics) -> None:
    """Buckets are cumulative, with inclusive bounds, from 100 us to 10 s and +Inf."""
    for seconds in (0.0001, 0.0002, 3, 11):
        context = RequestContext("id", route="/encode", status=200)
        metrics.count_request(context, seconds)

    name, labels = "vae_request_duration_seconds", 'route="/encode",status="200"'
    buckets = {
        "0.0001": 1,
        "0.00025": 2,
        "2.5": 2,
        "5": 3,
        "10": 3,
        "+Inf": 4,
    }
    expected = {
        f'{name}_bucket{{le="{bound}",{labels}}} {count}.0'
        for bound, count in buckets.items()
    }
    expected.add(f"{name}_sum{{{labels}}} 14.0003")
    assert expected <= lines(metrics)


def test_a_path_without_a_route_is_counted_as_other(metrics: Metrics) -> None:
    """Clients cannot add labels."""
    known = RequestContext("id", route="/encode", status=200)
    unknown = RequestContext("id", route="/made-up", status=CLIENT_GONE)

    assert metrics.count_request(known, 1) == "/encode"
    assert metrics.count_request(unknown, 1) == "other"

    assert (
        'vae_request_duration_seconds_count{route="other",status="499"} 1.0'
        in lines(metrics)
    )


def test_the_rows_of_all_processes_are_added_up(metrics: Metrics) -> None:
    """Forked workers count in shared memory, and their counts survive them."""
    metrics.add("restarts")
    for row in (1, 2):
        if not (process := os.fork()):
            metrics.write_to(row)
            metrics.count_request(five_images(0.5), 1)
            metrics.gauges[PENDING] = 3
            os._exit(0)
        assert os.waitpid(process, 0)[1] == 0

    assert {
        'vae_images_total{route="/encode"} 10.0',
        "vae_batch_images_sum 10.0",
        'vae_stage_seconds_total{stage="write"} 1.0',
        "vae_queue_seconds 6.0",
        "vae_worker_restarts_total 1.0",
        "vae_workers 2.0",
    } <= lines(metrics)


def test_a_new_worker_keeps_the_counters_of_its_row_and_resets_gauges(
    metrics: Metrics,
) -> None:
    """The requests in flight are lost with the worker that died, but stay counted."""
    metrics.write_to(1)
    metrics.count_request(five_images(0), 1)
    metrics.gauges[PENDING] = 3
    metrics.write_to(1)

    expected = {'vae_images_total{route="/encode"} 5.0', "vae_queue_seconds 0.0"}
    assert expected <= lines(metrics)


@pytest.fixture
def by_model() -> Metrics:
    """Metrics that count two models apart."""
    routes = ["/encode", "/livez"]
    metrics = Metrics(routes, [], model_routes=["/encode"], max_models=2)
    metrics.count_models(["a", "b"])
    return metrics


def of_model(name: str) -> RequestContext:
    """Return the context of a request of five images to a model."""
    context = five_images(0)
    context.model = name
    context.cost = 500
    return context


def test_requests_are_counted_by_model(by_model: Metrics) -> None:
    """One that no model has computed has no such label."""
    for name in "aab":
        by_model.count_request(of_model(name), 1)
    by_model.count_request(RequestContext("id", route="/livez", status=200), 1)
    by_model.count_request(RequestContext("id", route="/encode", status=401), 1)
    by_model.gauges[by_model.pending_cell("b")] = 3

    duration = "vae_request_duration_seconds_count"
    assert {
        f'{duration}{{model="a",route="/encode",status="200"}} 2.0',
        f'{duration}{{model="b",route="/encode",status="200"}} 1.0',
        f'{duration}{{route="/livez",status="200"}} 1.0',
        f'{duration}{{route="/encode",status="401"}} 1.0',
        'vae_images_total{model="a",route="/encode"} 10.0',
        'vae_images_total{model="b",route="/encode"} 5.0',
        'vae_cost_seconds_total{model="a"} 1.0',
        'vae_queue_seconds{model="a"} 0.0',
        'vae_queue_seconds{model="b"} 3.0',
        "vae_batch_images_count 3.0",
    } <= lines(by_model)
    assert by_model.route_counts("/encode", "a").images == 10


def test_counts_of_a_model_stay_until_another_needs_their_place(
    by_model: Metrics,
) -> None:
    """They go on if it returns; the number of labels is bounded."""
    for name in "ab":
        by_model.count_request(of_model(name), 1)
    by_model.count_models(["a"])
    by_model.count_models(["a", "b"])
    assert 'vae_images_total{model="b",route="/encode"} 5.0' in lines(by_model)

    by_model.count_models(["a", "c"])
    text = "\n".join(lines(by_model))
    assert 'model="b"' not in text
    assert 'vae_images_total{model="c",route="/encode"} 0.0' in text
    assert 'vae_images_total{model="a",route="/encode"} 5.0' in text


def test_a_request_to_a_model_that_is_gone_counts_without_it(
    by_model: Metrics,
) -> None:
    """It was in progress when another took the place."""
    by_model.count_models(["a", "c"])
    by_model.count_request(of_model("b"), 1)

    assert (
        'vae_request_duration_seconds_count{route="/encode",status="200"} 1.0'
        in lines(by_model)
    )


def test_a_new_worker_resets_the_gauges_of_all_models(by_model: Metrics) -> None:
    """Its predecessor's requests are lost."""
    by_model.gauges[by_model.pending_cell("b")] = 3
    by_model.write_to(0)

    assert 'vae_queue_seconds{model="b"} 0.0' in lines(by_model)
