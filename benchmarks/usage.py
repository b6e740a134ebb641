"""Processor time of a request, beside the rate."""

from typing import NamedTuple

from benchmarks.load import CONNECTIONS, run_wrk
from benchmarks.servers import RunningServer
from benchmarks.workload import Workload


class Usage(NamedTuple):
    """What requests take of a server.

    cost: processor time of a request in seconds, over all processes.
    rate: requests per second.
    """

    cost: float
    rate: float


def measure_usage(
    server: RunningServer,
    workload: Workload,
    seconds: float,
    connections: int = CONNECTIONS,
) -> Usage:
    """Send requests for some seconds. Raise RuntimeError if one fails."""
    before = server.cpu_seconds()
    requests, duration = run_wrk(server.url, workload, seconds, connections)
    server.wait_until_idle()
    used = server.cpu_seconds() - before
    # wrk does not count the request that each connection waits for at the end.
    return Usage(used / (requests + connections), requests / duration)
