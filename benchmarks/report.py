"""The comparison of request rates as Markdown and as a plot."""

import os
import platform
import statistics
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.load import CONNECTIONS
from benchmarks.rates import Results, Rounds
from benchmarks.servers import ONE_THREAD
from benchmarks.tables import ratios, spread, table_lines
from benchmarks.workload import Workload

SERVICE = "vae-service"
BASELINE = ONE_THREAD
PACKAGES = ("fastapi", "uvicorn", "onnxruntime", "numpy", "pillow", "zlib-ng")
INTRODUCTION = """\
# Results

Measured by `make bench`, or by `make bench-rivals` with the other frameworks too. In each of {rounds} alternating
rounds, wrk sends requests to each server for {seconds} s over {connections} connections. Each server has all its
threads on one core, and wrk runs on the other. Requests rotate through many different digits, and all servers were
checked to return the same results. Ratios are medians over the rounds, with the lowest and the highest in brackets.
Absolute rates depend on the machine and on what else runs on it.

The *textbook* service is what a tutorial on FastAPI and ONNX Runtime would write. By default, ONNX Runtime creates a
thread for each core of the machine; on the server's one core, all but one of them waste its time. Therefore the
textbook service is also measured with one thread; this is the baseline of the plot and of all other tables. The other
frameworks do the same work, also with one thread. *Bare ASGI* is this service's own codec and model without framework
or checks: it handles one request at a time and writes JSON with Python's json.

{machine}
"""
Cell = Callable[[Rounds, str], str]  # of a workload's rates and a server's name


def report(
    results: Results,
    rounds: int,
    seconds: int,
) -> str:
    """Return the introduction and both tables of rates in Markdown."""
    names = server_names(results)
    others = [name for name in names if name != SERVICE]
    introduction = INTRODUCTION.format(
        rounds=rounds,
        seconds=seconds,
        connections=CONNECTIONS,
        machine=machine(),
    )
    lines = [introduction, "## Requests per second\n"]
    lines.extend(rate_lines(results, names, rate))
    lines.append(f"\n## Rate of {SERVICE} relative to the others\n")
    lines.extend(rate_lines(results, others, relative_rate))
    lines.append(f"\n![Rates relative to {BASELINE}](throughput.png)\n")
    return "\n".join(lines)


def server_names(results: Results) -> list[str]:
    """Return the names of all servers: each serves the first workload."""
    first = next(iter(results.values()))
    return list(first)


def rate_lines(
    results: Results,
    names: list[str],
    cell: Cell,
) -> Iterator[str]:
    """Yield a Markdown table: a row for each workload, a column for each server."""
    headings = [""]
    headings += names
    rows = []
    for workload, rates in results.items():
        row = [workload.name]
        row += [cell(rates, name) for name in names]
        rows.append(row)
    return table_lines(headings, rows)


def rate(rates: Rounds, name: str) -> str:
    """Return a server's median rate, or nothing if it does not serve the path."""
    if name not in rates:
        return ""
    median = statistics.median(rates[name])
    return f"{median:,.0f}"


def relative_rate(rates: Rounds, name: str) -> str:
    """Return the service's rate relative to another server's, with its spread."""
    if name not in rates:
        return ""
    return spread(ratios(rates[SERVICE], rates[name]))


def machine() -> str:
    """Return processor, cores and versions."""
    parts = [
        processor(),
        f"{os.cpu_count()} cores",
        f"Python {platform.python_version()}",
    ]
    parts += [f"{name} {version(name)}" for name in PACKAGES]
    return ", ".join(parts) + "."


def processor() -> str:
    """Return the processor's name, or a question mark."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    for line in lines:
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return "?"


def plot(results: Results) -> Figure:
    """Draw each server's rate relative to the baseline's as bars."""
    figure = Figure(
        figsize=(10, 4),
        dpi=120,
        layout="constrained",
    )
    axes = figure.subplots()
    names = server_names(results)
    groups = range(len(results))
    width = 0.85 / len(names)
    for place, name in enumerate(names):
        heights = [relative_median(rates, name) for rates in results.values()]
        offset = place * width
        places = [index + offset for index in groups]
        draw_bars(axes, places, heights, width, name)
    axes.set_xticks(
        [index + width for index in groups],
        [tick_label(workload) for workload in results],
        fontsize=8,
    )
    axes.set_ylabel(f"requests/s, {BASELINE} = 1")
    figure.legend(
        loc="outside upper center",
        ncols=len(names),
        fontsize=8,
    )
    return figure


def relative_median(rates: Rounds, name: str) -> float:
    """Return a server's median rate relative to the baseline's; 0 if not measured."""
    if name not in rates:
        return 0
    rounds = ratios(rates[name], rates[BASELINE])
    return statistics.median(rounds)


def draw_bars(
    axes: Axes,
    places: Sequence[float],
    heights: Sequence[float],
    width: float,
    name: str,
) -> None:
    """Draw one server's bars, labelled with their height."""
    bars = axes.bar(places, heights, width, label=name)
    labels = [f"{height:.1f}" if height else "" for height in heights]
    axes.bar_label(bars, labels, fontsize=7)


def tick_label(workload: Workload) -> str:
    """Return a workload's name on two lines."""
    return workload.name.replace(", ", "\n")
