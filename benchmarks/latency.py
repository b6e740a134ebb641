"""Latency at half the capacity, and rates by number of connections."""

import csv
import statistics
import tempfile

from benchmarks.load import LOAD_CORE, measure_rate, run
from benchmarks.servers import ONE_THREAD, Server, start
from benchmarks.tables import Table
from benchmarks.workload import Workload, reconstruct_workload

COMPARED = ("vae-service", ONE_THREAD)
CONNECTION_COUNTS = (1, 4, 16, 64, 256)
CLIENTS = 8
LATENCY_SECONDS = 5  # for each second of a rate's measurement
MIN_RESPONSES = 0.9  # of the requests planned at half the capacity
QUANTILES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}


def latency_table(compared: dict[str, Server], seconds: int) -> Table:
    """Measure latencies of requests at half the maximum rate."""
    workload = reconstruct_workload(1)
    rows = [
        [name, *latency_cells(compared[name], workload, seconds)] for name in COMPARED
    ]
    return Table(
        "Latency at half the capacity",
        "`/reconstruct`, the same digit in each request; "
        f"{CLIENTS} clients of `hey`; milliseconds.",
        ["", "requests/s", *QUANTILES, "p99 / p50"],
        rows,
    )


def latency_cells(server: Server, workload: Workload, seconds: int) -> list[str]:
    """Return the rate at half the capacity, the latencies' quantiles, and a ratio."""
    duration = LATENCY_SECONDS * seconds
    with start(server, workload) as running:
        capacity = measure_rate(running.url, workload, seconds)
        times = latencies(running.url, workload, capacity / 2, duration)
    quantiles = [quantile(times, level) for level in QUANTILES.values()]
    return [
        f"{len(times) / duration:,.0f}",
        *(f"{1000 * value:.1f}" for value in quantiles),
        f"{quantiles[1] / quantiles[0]:.1f}",
    ]


def quantile(values: list[float], level: float) -> float:
    """Return a quantile of sorted values."""
    return values[int(level * (len(values) - 1))]


def latencies(
    url: str,
    workload: Workload,
    rate: float,
    seconds: int,
) -> list[float]:
    """Return the sorted latencies in seconds of requests sent at a constant rate.

    Raise RuntimeError if too few responses arrive, or one is not a success.
    """
    target = url + workload.path
    with tempfile.NamedTemporaryFile(suffix=".json") as body:
        body.write(workload.bodies[0])
        body.flush()
        command = ["taskset", "-c", str(LOAD_CORE), "hey"]
        command += [f"-z={seconds}s", f"-c={CLIENTS}", f"-q={rate / CLIENTS:.2f}"]
        command += ["-m=POST", "-T=application/json", f"-D={body.name}"]
        command += ["-o=csv", target]
        output = run(command)
    rows = list(csv.DictReader(output.splitlines()))
    statuses = {row["status-code"] for row in rows}
    # Requests that failed in transport have no row.
    if statuses != {"200"} or len(rows) < MIN_RESPONSES * rate * seconds:
        raise RuntimeError(f"{url}: not all requests were answered")
    return sorted(float(row["response-time"]) for row in rows)


def connection_table(
    compared: dict[str, Server],
    rounds: int,
    seconds: int,
) -> Table:
    """Measure rates by number of connections."""
    workload = reconstruct_workload(1)
    rows = []
    for name in COMPARED:
        row = [name]
        with start(compared[name], workload) as server:
            for count in CONNECTION_COUNTS:
                rates = [
                    measure_rate(server.url, workload, seconds, count)
                    for _ in range(rounds)
                ]
                row.append(f"{statistics.median(rates):,.0f}")
        rows.append(row)
    return Table(
        "Rate by number of connections",
        "`/reconstruct`, one digit per request; requests per second by number of "
        "connections.",
        ["", *map(str, CONNECTION_COUNTS)],
        rows,
    )
