"""Optional features, a second worker, start-up time and memory."""

import statistics
import sys
import time

from benchmarks.load import measure_rate, run
from benchmarks.servers import SERVER_CORE, service, start
from benchmarks.tables import Table, ratio_cells, spread
from benchmarks.usage import measure_usage
from benchmarks.workload import reconstruct_workload

STARTS = 5
API_KEY = "a-key-for-the-benchmark"
# All that the service imports from other packages: the reference for its start-up time
# and memory. FastAPI imports the last for the first route of any application.
LIBRARIES = (
    "fastapi, fastapi_offline, jiter, numpy.typing, onnxruntime, "
    "opentelemetry.trace, PIL.Image, PIL.BmpImagePlugin, PIL.GifImagePlugin, "
    "PIL.JpegImagePlugin, PIL.PngImagePlugin, PIL.WebPImagePlugin, "
    "prometheus_client.core, pydantic_settings, python_multipart, "
    "starlette.middleware.cors, uvicorn.protocols.http.httptools_impl, uvloop, "
    "zlib_ng.zlib_ng, concurrent.futures, pydantic.v1"
)
IMPORTS_PROGRAM = f"""\
import {LIBRARIES}
status = open('/proc/self/status').read()
print(status.split('VmRSS:')[1].split()[0])
"""


def feature_table(rounds: int, seconds: int) -> Table:
    """Measure the cost of access log, API keys, allowed hosts and CORS."""
    flags = ["--api-keys", API_KEY]
    flags += ["--allowed-hosts", "127.0.0.1"]
    flags += ["--cors-origins", "https://example.org"]
    without = service("--no-access-log")
    with_all = service(*flags)
    workload = reconstruct_workload(1)
    ratios = []
    with start(without, workload) as off, start(with_all, workload, API_KEY) as on:
        for _ in range(2 * rounds):
            off_rate = measure_rate(off.url, workload, seconds)
            on_rate = measure_rate(on.url, workload, seconds, key=API_KEY)
            ratios.append(on_rate / off_rate)
    return Table(
        "Optional features",
        "`/reconstruct`, one digit per request: the rate with access log, API keys, "
        "allowed hosts and CORS, relative to the rate without them. No request comes "
        "from a browser, so CORS adds no headers. Request ids, metrics, limits and "
        "security headers are always on.",
        ["rate on / rate off"],
        [[f"{statistics.median(ratios):.2f}"]],
    )


def worker_table(rounds: int, seconds: int) -> Table:
    """Measure the gain of a second worker by processor time.

    On a machine with two cores the load needs one of them, so the rate cannot show it.
    """
    workload = reconstruct_workload(1)
    one_worker = service("--workers", "1")
    two_workers = service("--workers", "2")
    gains = []
    with (
        start(one_worker, workload, core=None) as one,
        start(two_workers, workload, core=None) as two,
    ):
        for _ in range(4 * rounds):
            single = measure_usage(one, workload, seconds, 64)
            double = measure_usage(two, workload, seconds, 128)
            gains.append(2 * single.cost / double.cost)
    return Table(
        "Two workers",
        "The capacity of two workers on two otherwise idle cores, relative to one "
        "worker: twice the processor time per request with one worker, divided by the "
        "processor time per request with two. One worker has 64 connections, two have "
        "128, so that each has enough requests however they are distributed. Median, "
        "lowest and highest.",
        ["two workers / one worker"],
        [[spread(gains)]],
    )


def start_table() -> Table:
    """Measure the time until the service is ready, and its memory.

    Both are compared with a Python that only imports the same libraries.
    """
    starts, memory = [], []
    import_seconds, import_memory = [], []
    for _ in range(STARTS):
        seconds, megabytes = measure_imports()
        import_seconds.append(seconds)
        import_memory.append(megabytes)
        seconds, megabytes = measure_service()
        starts.append(seconds)
        memory.append(megabytes)
    time_row = ratio_cells(starts, import_seconds, ".2f")
    memory_row = ratio_cells(memory, import_memory, ".0f")
    return Table(
        "Start-up time and memory",
        f"Medians of {STARTS} starts with one worker, and of the ratio of each start to "
        "a Python that only imports the same libraries; memory after a second of "
        "requests.",
        ["", "service", "importing the same libraries", "ratio"],
        [
            ["seconds until ready", *time_row],
            ["resident MB", *memory_row],
        ],
    )


def measure_imports() -> tuple[float, float]:
    """Return seconds and resident megabytes of a Python that imports the libraries."""
    command = ["taskset", "-c", str(SERVER_CORE)]
    command += [sys.executable, "-c", IMPORTS_PROGRAM]
    started = time.monotonic()
    output = run(command)
    seconds = time.monotonic() - started
    return seconds, int(output) / 1024


def measure_service() -> tuple[float, float]:
    """Return the service's seconds until ready, and its resident megabytes."""
    workload = reconstruct_workload(1)
    started = time.monotonic()
    with start(service(), workload) as server:
        measure_rate(server.url, workload, 1)
        return server.ready_at - started, server.resident_kilobytes() / 1024
