"""Counts of several processes, added up and written as Prometheus has them."""

import os

import pytest

from service.observability.metrics import CLIENT_GONE, PENDING, Metrics
from service.observability.request_context import RequestContext


def lines(metrics: Metrics) -> set[str]:
    """The samples of a page."""
    return {
        line
        for line in metrics.text({}).decode().splitlines()
        if not line.startswith("#")
    }


def five_images(seconds: float) -> RequestContext:
    """Return a request of five images, of which each stage took so long."""
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
    """Of two workers."""
    return Metrics(["/encode"], ["overloaded"], workers=2)


def test_a_duration_falls_into_its_bucket_and_all_above(metrics: Metrics) -> None:
    """Buckets are cumulative, bounds inclusive, from 100 us to 10 s and beyond."""
    for seconds in (0.0001, 0.0002, 3, 11):
        context = RequestContext("id", route="/encode", status=200)
        metrics.count_request(context, seconds)
    counts = {
        le: float(line.rpartition(" ")[2])
        for line in lines(metrics)
        if line.startswith("vae_request_duration_seconds_bucket")
        for le in [line.split('"')[1]]
    }

    assert (counts["0.0001"], counts["0.00025"], counts["2.5"], counts["5"]) == (
        1,
        2,
        2,
        3,
    )
    assert (counts["10"], counts["+Inf"]) == (3, 4)
    assert (
        'vae_request_duration_seconds_sum{route="/encode",status="200"} 14.0003'
        in lines(metrics)
    )


def test_a_route_that_is_none_is_other(metrics: Metrics) -> None:
    """What is asked for makes no labels."""
    known = RequestContext("id", route="/encode", status=200)
    unknown = RequestContext("id", route="/made-up", status=CLIENT_GONE)

    assert metrics.count_request(known, 1) == "/encode"
    assert metrics.count_request(unknown, 1) == "other"

    assert (
        'vae_request_duration_seconds_count{route="other",status="499"} 1.0'
        in lines(metrics)
    )


def test_the_rows_of_all_processes_are_added_up(metrics: Metrics) -> None:
    """A worker that was forked counts in memory that all see, also after it has died."""
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
        "vae_pending_images 6.0",
        "vae_worker_restarts_total 1.0",
        "vae_workers 2.0",
    } <= lines(metrics)


def test_a_new_worker_keeps_the_counts_of_its_row_but_not_what_was_in_flight(
    metrics: Metrics,
) -> None:
    """The requests of the one that died are gone; that they were there is not."""
    metrics.write_to(1)
    metrics.count_request(five_images(0), 1)
    metrics.gauges[PENDING] = 3
    metrics.write_to(1)

    assert {'vae_images_total{route="/encode"} 5.0', "vae_pending_images 0.0"} <= lines(
        metrics
    )
