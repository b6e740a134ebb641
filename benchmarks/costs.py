"""What lies beside the rate: latencies, many connections, batches, workers, memory and the start, each in its table."""

import csv
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import httpx
from prometheus_client.parser import text_string_to_metric_families

from benchmarks import bare_asgi
from benchmarks.servers import (
    LOAD_CORE,
    ONE_THREAD,
    SERVER_CORE,
    Running,
    Server,
    drive,
    load,
    running,
    service,
)
from benchmarks.training_speed import EPOCHS, training_rows
from benchmarks.workload import Workload, reconstruct_workload
from training.data.digits import Digits

CONNECTION_COUNTS = (1, 4, 16, 64, 256)
BATCHES = tuple(2**power for power in range(9))
HALF_CAPACITY_CLIENTS = 8
MIN_ANSWERED = 0.9  # of the requests that are to be sent at half the capacity
COST_CONNECTIONS = 4  # where a request's processor time is measured
STARTS = 5
# All that the service imports from elsewhere: what its start and its memory are held against.
LIBRARIES = (
    "fastapi, fastapi_offline, greenlet, jiter, numpy.typing, onnxruntime, opentelemetry.trace, PIL.Image, "
    "PIL.BmpImagePlugin, PIL.GifImagePlugin, PIL.JpegImagePlugin, PIL.PngImagePlugin, PIL.WebPImagePlugin, "
    "prometheus_client.core, pydantic_settings, python_multipart, starlette.middleware.cors, "
    "uvicorn.protocols.http.httptools_impl, uvloop, zlib_ng.zlib_ng, concurrent.futures, "
    "pydantic.v1"  # which FastAPI imports for the first route of any application
)
STAGES = ("decode", "infer", "encode")
QUANTILES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under headings, with a sentence on what they are."""

    title: str
    text: str
    headings: list[str]
    rows: list[list[str]]

    def lines(self) -> Iterator[str]:
        """The table in Markdown."""
        yield f"\n## {self.title}\n"
        yield f"{self.text}\n"
        yield f"| {' | '.join(self.headings)} |"
        yield f"|{'---|' * len(self.headings)}"
        yield from (f"| {' | '.join(row)} |" for row in self.rows)


def tables(
    compared: dict[str, Server], digits: Digits, rounds: int, seconds: int
) -> Iterator[Table]:
    """All of them, one after the other; the digits are to train on."""
    yield latencies(compared, seconds)
    yield connections(compared, rounds, seconds)
    yield batches(compared, rounds, seconds)
    yield stages(seconds)
    yield everything_on(rounds, seconds)
    yield two_workers(rounds, seconds)
    yield start_and_memory()
    yield training(digits)


def latencies(compared: dict[str, Server], seconds: int) -> Table:
    """Times of requests that come at half the rate that is the most."""
    workload = reconstruct_workload(1)
    rows = []
    for name in ("vae-service", ONE_THREAD):
        with running(compared[name], workload) as server:
            rate = drive(server.url, workload, seconds) / 2
            times = sorted(timed_requests(server.url, workload, rate, 5 * seconds))
        values = [times[int(share * (len(times) - 1))] for share in QUANTILES.values()]
        rows.append(
            [
                name,
                f"{len(times) / (5 * seconds):,.0f}",
                *(f"{1000 * value:.1f}" for value in values),
                f"{values[1] / values[0]:.1f}",
            ]
        )
    return Table(
        "At half the capacity",
        f"`/reconstruct`, the same digit each time, {HALF_CAPACITY_CLIENTS} clients of `hey`; milliseconds.",
        ["", "requests/s", *QUANTILES, "p99 / p50"],
        rows,
    )


def timed_requests(
    url: str, workload: Workload, rate: float, seconds: int
) -> list[float]:
    """The seconds that each request took, sent at a rate by clients that keep to their pace."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as body:
        body.write(workload.bodies[0])
        body.flush()
        pace = [
            f"-z={seconds}s",
            f"-c={HALF_CAPACITY_CLIENTS}",
            f"-q={rate / HALF_CAPACITY_CLIENTS:.2f}",
        ]
        request = [
            "-m=POST",
            "-T=application/json",
            f"-D={body.name}",
            "-o=csv",
            url + workload.path,
        ]
        command = ["taskset", "-c", str(LOAD_CORE), "hey", *pace, *request]
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - the system's hey
    rows = list(csv.DictReader(done.stdout.splitlines()))
    # Those that failed on their way have no row.
    if {row["status-code"] for row in rows} != {"200"} or len(
        rows
    ) < MIN_ANSWERED * rate * seconds:
        raise RuntimeError(f"{url}: not all requests were answered")
    return [float(row["response-time"]) for row in rows]


def connections(compared: dict[str, Server], rounds: int, seconds: int) -> Table:
    """Rates against the number of clients."""
    workload = reconstruct_workload(1)
    rows = []
    for name in ("vae-service", ONE_THREAD):
        with running(compared[name], workload) as server:
            rates = [
                statistics.median(
                    drive(server.url, workload, seconds, count) for _ in range(rounds)
                )
                for count in CONNECTION_COUNTS
            ]
        rows.append([name, *(f"{rate:,.0f}" for rate in rates)])
    return Table(
        "Connections",
        "`/reconstruct`, one digit; requests a second.",
        ["", *map(str, CONNECTION_COUNTS)],
        rows,
    )


def batches(compared: dict[str, Server], rounds: int, seconds: int) -> Table:
    """Processor time an image against the number of images in a request."""
    rows = []
    for name in ("vae-service", ONE_THREAD):
        with running(compared[name], reconstruct_workload(1)) as server:
            costs = [
                [
                    cost(server, reconstruct_workload(batch), seconds) / batch
                    for batch in BATCHES
                ]
                for _ in range(rounds)
            ]
        rows.append([name, *microseconds(costs)])
    alone = [[work_alone(batch) / batch for batch in BATCHES] for _ in range(rounds)]
    rows.append(["the same work, no HTTP", *microseconds(alone)])
    return Table(
        "Images in a request",
        f"`/reconstruct`, {COST_CONNECTIONS} connections; microseconds of processor time an image: milliseconds for "
        "1,000 of them.",
        ["", *map(str, BATCHES)],
        rows,
    )


def microseconds(rounds: list[list[float]]) -> Iterator[str]:
    """The median of each column over the rounds, given in seconds."""
    return (
        f"{1e6 * statistics.median(column):,.1f}"
        for column in zip(*rounds, strict=True)
    )


def stages(seconds: int) -> Table:
    """What a request's processor time goes to: the service counts its stages, the rest is HTTP, the log and checks."""
    rows = []
    for items in (1, 64):
        workload = reconstruct_workload(items)
        with running(service(), workload) as server:
            before = stage_seconds(server.url)
            whole = cost(server, workload, 5 * seconds)
            after = stage_seconds(server.url)
        requests = (after["images"] - before["images"]) / items
        spent = [(after[stage] - before[stage]) / requests for stage in STAGES]
        rows.append(
            [
                f"{items}",
                *(f"{1e6 * each:,.0f}" for each in (*spent, whole - sum(spent), whole)),
            ]
        )
    return Table(
        "Where the time goes",
        f"`/reconstruct`, {COST_CONNECTIONS} connections; microseconds a request: reading the body with its images, "
        "both graphs, writing the answer with its images, and the rest of the processor time: the kernel, the HTTP "
        "server, limits, ids, counts, the log.",
        ["images", *STAGES, "rest", "together"],
        rows,
    )


def stage_seconds(url: str) -> dict[str, float]:
    """Seconds that each stage of /reconstruct has taken so far, and its images, from the service's own metrics."""
    page = httpx.get(f"{url}/metrics").text
    samples = [
        sample
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    ]
    seconds = {
        each.labels["stage"]: each.value
        for each in samples
        if each.name == "vae_stage_seconds_total"
    }
    images = sum(each.value for each in samples if each.name == "vae_images_total")
    return {**seconds, "images": images}


def work_alone(batch: int) -> float:
    """Seconds of processor time for reading, reconstructing and writing so many digits in this process."""
    bodies = [json.loads(body) for body in reconstruct_workload(batch).bodies]
    operation = bare_asgi.OPERATIONS["/reconstruct"]
    operation(bodies[0])
    started, requests = time.process_time(), 0
    while time.process_time() - started < 1:
        operation(bodies[requests % len(bodies)])
        requests += 1
    return (time.process_time() - started) / requests


def cost(
    server: Running, workload: Workload, seconds: int, clients: int = COST_CONNECTIONS
) -> float:
    """Seconds of processor time that the server, all its processes together, takes for a request."""
    before = server.cpu_seconds()
    requests, _ = load(server.url, workload, seconds, clients)
    return (server.cpu_seconds() - before) / (
        requests + clients
    )  # wrk leaves, uncounted, what each is waiting for


def everything_on(rounds: int, seconds: int) -> Table:
    """What the log, keys, hosts and origins cost."""
    key = "a-key-for-the-benchmark"
    flags = [
        "--api-keys",
        key,
        "--allowed-hosts",
        "127.0.0.1",
        "--cors-origins",
        "https://example.org",
    ]
    workload = reconstruct_workload(1)
    with (
        running(service("--no-access-log"), workload) as off,
        running(service(*flags), workload, key) as on,
    ):
        rates = [
            (
                drive(off.url, workload, seconds),
                drive(on.url, workload, seconds, key=key),
            )
            for _ in range(2 * rounds)
        ]
    share = statistics.median(with_all / without for without, with_all in rates)
    return Table(
        "Everything on",
        "`/reconstruct`, one digit: with the access log, API keys, allowed hosts and CORS, over without them; no "
        "request comes from a browser, which CORS leaves alone. Ids, metrics, limits and security headers are always "
        "on.",
        ["rate on / rate off"],
        [[f"{share:.2f}"]],
    )


def two_workers(rounds: int, seconds: int) -> Table:
    """What a second worker brings, by processor time: on a machine of two cores the load needs one of them."""
    workload = reconstruct_workload(1)
    with (
        running(service("--workers", "1"), workload, core=None) as one,
        running(service("--workers", "2"), workload, core=None) as two,
    ):
        pairs = [
            (cost(one, workload, seconds, 64), cost(two, workload, seconds, 128))
            for _ in range(4 * rounds)
        ]
    gains = [2 * alone / both for alone, both in pairs]
    return Table(
        "Two workers",
        "Twice the processor time of a request with one worker, over that with two: what two workers answer on two "
        "cores that do nothing else, where one answers 1. 64 connections for one, 128 for two: enough at hand, "
        "however they are spread. Median, lowest and highest.",
        ["two workers over one"],
        [[spread(gains)]],
    )


def start_and_memory() -> Table:
    """The time until the service is ready, and what it holds, beside a Python that only imports the same libraries."""
    program = f"import {LIBRARIES}\nprint(int(open('/proc/self/status').read().split('VmRSS:')[1].split()[0]))"
    imports, starts, memory, bare = [], [], [], []
    for _ in range(STARTS):
        started = time.monotonic()
        command = ["taskset", "-c", str(SERVER_CORE), sys.executable, "-c", program]
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - this file's words
        imports.append(time.monotonic() - started)
        bare.append(int(done.stdout))
        started = time.monotonic()
        with running(service(), reconstruct_workload(1)) as server:
            starts.append(server.ready_at - started)
            drive(server.url, reconstruct_workload(1), 1)
            memory.append(server.resident_kilobytes())
    return Table(
        "Start and memory",
        f"Medians of {STARTS} starts, one worker, their ratios start by start; memory after a second of requests.",
        ["", "service", "importing the same libraries", "ratio"],
        [
            ["seconds until ready", *ratio_cells(starts, imports, "{:.2f}")],
            [
                "resident MB",
                *ratio_cells(
                    [kb / 1024 for kb in memory], [kb / 1024 for kb in bare], "{:.0f}"
                ),
            ],
        ],
    )


def training(digits: Digits) -> Table:
    """Seconds an epoch, and seconds to one loss, beside a textbook's loop."""
    return Table(
        "Training",
        "784-256-32-256-784, binary cross-entropy of grey digits, Adam, all cores: seconds an epoch, in turns, their "
        "ratio turn by turn, and our share of the rate of large matrix products here; the loss of epoch "
        f"{EPOCHS} in nats; seconds until an epoch's loss is no higher than that of our epoch {EPOCHS}. Ours starts at "
        "the mean image, sees centred pixels, takes the gradient along the latents alone and averages weights, as "
        "training by default does.",
        [
            *(
                "batch",
                "textbook",
                "ours",
                "ratio",
                "share",
                "textbook's loss",
                "our loss",
            ),
            *("textbook, to our loss", "ours, to it", "ratio"),
        ],
        training_rows(digits),
    )


def spread(values: Sequence[float]) -> str:
    """Median, lowest and highest."""
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


def ratio_cells(ours: list[float], theirs: list[float], form: str) -> list[str]:
    """Two medians, and the median of the ratios, turn by turn."""
    ratio = statistics.median(
        our / their for our, their in zip(ours, theirs, strict=True)
    )
    return [
        form.format(statistics.median(ours)),
        form.format(statistics.median(theirs)),
        f"{ratio:.2f}",
    ]
