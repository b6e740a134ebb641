"""Processor time of a request: by batch size, and by stage."""

import json
import statistics
import time
from itertools import cycle

import httpx
from prometheus_client.parser import text_string_to_metric_families

from benchmarks import bare_asgi
from benchmarks.servers import ONE_THREAD, RunningServer, Server, service, start
from benchmarks.tables import Table
from benchmarks.usage import measure_usage
from benchmarks.workload import reconstruct_workload

COMPARED = ("vae-service", ONE_THREAD)
BATCH_SIZES = tuple(2**power for power in range(9))
CONNECTIONS = 4
STAGES = ("read", "infer", "write")

Costs = list[float]  # seconds an image, by batch size


def batch_table(
    compared: dict[str, Server],
    rounds: int,
    seconds: int,
) -> Table:
    """Measure processor time an image by number of images in a request."""
    rows = []
    for name in COMPARED:
        with start(compared[name], reconstruct_workload(1)) as server:
            costs = [batch_costs(server, seconds) for _ in range(rounds)]
        rows.append([name, *medians(costs)])
    costs = [bare_batch_costs() for _ in range(rounds)]
    rows.append(["the same work without HTTP", *medians(costs)])
    return Table(
        "Processor time by images in a request",
        f"`/reconstruct`, {CONNECTIONS} connections; microseconds of processor time "
        "per image, by number of images in a request.",
        ["", *map(str, BATCH_SIZES)],
        rows,
    )


def batch_costs(server: RunningServer, seconds: int) -> Costs:
    """Measure a server's processor time an image, by batch size."""
    costs = []
    for batch_size in BATCH_SIZES:
        workload = reconstruct_workload(batch_size)
        usage = measure_usage(server, workload, seconds, CONNECTIONS)
        costs.append(usage.cost / batch_size)
    return costs


def bare_batch_costs() -> Costs:
    """Measure the processor time an image in this process, by batch size."""
    return [bare_cost(batch_size) / batch_size for batch_size in BATCH_SIZES]


def bare_cost(batch_size: int) -> float:
    """Return the processor time in seconds of a request's work in this process.

    The work is reading, reconstructing and writing the images.
    """
    workload = reconstruct_workload(batch_size)
    bodies = [json.loads(body) for body in workload.bodies]
    operation = bare_asgi.OPERATIONS["/reconstruct"]
    operation(bodies[0])  # warm-up
    requests = 0
    started = time.process_time()
    for body in cycle(bodies):
        operation(body)
        requests += 1
        elapsed = time.process_time() - started
        if elapsed >= 1:
            break
    return elapsed / requests


def medians(rounds: list[Costs]) -> list[str]:
    """Return the median over the rounds for each batch size, in microseconds."""
    columns = zip(*rounds, strict=True)
    return [f"{1e6 * statistics.median(column):,.1f}" for column in columns]


def stage_table(seconds: int) -> Table:
    """Split a request's processor time by stage.

    The service measures its own stages; the rest is HTTP, the log and checks.
    """
    rows = []
    for images in (1, 64):
        workload = reconstruct_workload(images)
        with start(service(), workload) as server:
            before = stage_seconds(server.url)
            total = measure_usage(server, workload, 5 * seconds, CONNECTIONS).cost
            after = stage_seconds(server.url)
        requests = (after["images"] - before["images"]) / images
        parts = [(after[stage] - before[stage]) / requests for stage in STAGES]
        parts.append(total - sum(parts))
        parts.append(total)
        row = [f"{images}"]
        row.extend(f"{1e6 * part:,.0f}" for part in parts)
        rows.append(row)
    return Table(
        "Processor time by stage",
        f"`/reconstruct`, {CONNECTIONS} connections; microseconds per request. read: "
        "the body and its images; infer: both graphs; write: the response and its "
        "images; rest: the kernel, the HTTP server, limits, request ids, metrics, the "
        "log.",
        ["images", *STAGES, "rest", "total"],
        rows,
    )


def stage_seconds(url: str) -> dict[str, float]:
    """Return the service's seconds in each stage so far, and its images.

    Both come from its metrics; /reconstruct is the only operation that was called.
    """
    page = httpx.get(f"{url}/metrics").text
    seconds: dict[str, float] = {}
    images = 0.0
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if sample.name == "vae_stage_seconds_total":
                stage = sample.labels["stage"]
                seconds[stage] = sample.value
            elif sample.name == "vae_images_total":
                images += sample.value
    seconds["images"] = images
    return seconds
