"""Measure one and two instances behind HAProxy by processor time.

Run: python -m benchmarks.instances. It needs wrk and HAProxy, and prints a table. On a
machine with two cores the load needs one of them, so rates cannot show the capacity.
"""

import statistics
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import typer

from benchmarks.load import run_wrk
from benchmarks.servers import RunningServer, Server, service, start
from benchmarks.tables import Table, spread
from benchmarks.workload import Workload, reconstruct_workload

ROUNDS = 10
SECONDS = 3
CONNECTIONS = 64  # for each instance
BATCH_SIZES = (1, 64)
MICROSECONDS = 1e6
CONFIGURATION = """
global
    nbthread 1
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
listen instances
    bind "127.0.0.1:${PORT}"
    balance leastconn
"""


def main() -> None:
    """Print the processor time of a request in instances and proxy."""
    rows = [row(batch_size) for batch_size in BATCH_SIZES]
    table = Table(
        "One and two instances behind HAProxy",
        f"`/reconstruct`, {CONNECTIONS} connections for each instance of one worker; "
        f"microseconds of processor time per request, medians of {ROUNDS} rounds. Last: "
        "the capacity of two instances relative to one, which is twice the first column "
        "divided by the second.",
        ["images", "one instance", "two instances", "HAProxy", "two / one"],
        rows,
    )
    typer.echo("\n".join(table.lines()))


def row(batch_size: int) -> list[str]:
    """Measure requests with some images."""
    workload = reconstruct_workload(batch_size)
    costs: list[list[float]] = [[], [], []]
    with ExitStack() as stack:
        first, second = (
            stack.enter_context(start(service("--workers", "1"), workload, core=None))
            for _ in range(2)
        )
        alone = stack.enter_context(haproxy([first], workload))
        both = stack.enter_context(haproxy([first, second], workload))
        for _ in range(ROUNDS):
            one, _ = measure(alone, [first], workload)
            two, proxy = measure(both, [first, second], workload)
            for values, value in zip(costs, (one, two, proxy), strict=True):
                values.append(value)
    times = [f"{MICROSECONDS * statistics.median(values):.0f}" for values in costs]
    gains = [2 * one / two for one, two in zip(costs[0], costs[1], strict=True)]
    return [str(batch_size), *times, spread(gains)]


def measure(
    proxy: RunningServer, instances: Sequence[RunningServer], workload: Workload
) -> tuple[float, float]:
    """Return the processor time of a request in seconds: of instances, of the proxy."""
    servers = [*instances, proxy]
    before = [server.cpu_seconds() for server in servers]
    connections = CONNECTIONS * len(instances)
    requests, _ = run_wrk(proxy.url, workload, SECONDS, connections)
    after = [server.cpu_seconds() for server in servers]
    *used, by_proxy = [end - begin for begin, end in zip(before, after, strict=True)]
    # wrk does not count the request that each connection waits for at the end.
    answered = requests + connections
    return sum(used) / answered, by_proxy / answered


@contextmanager
def haproxy(
    instances: Sequence[RunningServer], workload: Workload
) -> Iterator[RunningServer]:
    """Run HAProxy in front of instances."""
    servers = [
        f"    server instance{number} {server.url.removeprefix('http://')}\n"
        for number, server in enumerate(instances)
    ]
    with TemporaryDirectory() as folder:
        path = Path(folder, "haproxy.cfg")
        path.write_text(CONFIGURATION + "".join(servers))
        # The port is the shell's last argument, which it calls $0.
        command = ["sh", "-c", f"PORT=$0 exec haproxy -f {path}"]
        with start(Server(command), workload, core=None) as proxy:
            yield proxy


if __name__ == "__main__":
    typer.run(main)
