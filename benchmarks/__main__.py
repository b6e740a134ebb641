"""python -m benchmarks: time the service beside the alternatives and write RESULTS.md and throughput.png."""

import os
import platform
import statistics
from collections.abc import Sequence
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from matplotlib.figure import Figure
from rich.progress import track

from benchmarks.compare import check_same_answers
from benchmarks.servers import COMMANDS, CONNECTIONS, Load, drive, running
from benchmarks.workload import Workload, workloads

HERE = Path(__file__).parent
BASELINE = "textbook"
Rounds = dict[str, list[Load]]
INTRODUCTION = """\
# Results

`make bench`: {rounds} alternating rounds of {seconds} s, wrk with {connections} connections, each server on a core of
its own and the load on another. Requests rotate through many different digits; all servers were seen to answer the
same. Ratios are medians over rounds, with the lowest and the highest; absolute rates depend on the machine and the
minute.

{machine}
"""


def main(
    rounds: Annotated[int, typer.Option(min=1, help="Alternating rounds.")] = 7,
    seconds: Annotated[int, typer.Option(min=1, help="Length of each server's turn.")] = 2,
    output: Annotated[Path, typer.Option(help="Folder for RESULTS.md and throughput.png.")] = HERE,
) -> None:
    """Time every operation on each server, in alternating rounds."""
    results: dict[Workload, Rounds] = {}
    with ExitStack() as stack:
        urls = {name: stack.enter_context(running(command)) for name, command in COMMANDS.items()}
        everything = list(workloads())
        for workload in everything:
            check_same_answers(urls, workload)
        for workload in track(everything, description="benchmarks"):
            results[workload] = measure(urls, workload, rounds, seconds)
    (output / "RESULTS.md").write_text(report(results, rounds, seconds))
    plot(results).savefig(output / "throughput.png", metadata={"Software": None})
    typer.echo((output / "RESULTS.md").read_text())


def measure(urls: dict[str, str], workload: Workload, rounds: int, seconds: int) -> Rounds:
    """Each server's loads, one a round; the servers take turns, so that a slow minute is everybody's."""
    for url in urls.values():
        drive(url, workload, 1)  # warm
    turns = [{name: drive(url, workload, seconds) for name, url in urls.items()} for _ in range(rounds)]
    return {name: [turn[name] for turn in turns] for name in urls}


def ratios(result: Rounds, name: str, baseline: str) -> list[float]:
    """A server's rate over another's, round by round."""
    return [ours.rate / theirs.rate for ours, theirs in zip(result[name], result[baseline], strict=True)]


def spread(values: Sequence[float]) -> str:
    """Median, lowest and highest."""
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


def report(results: dict[Workload, Rounds], rounds: int, seconds: int) -> str:
    """The results as a page of Markdown."""
    names = list(COMMANDS)
    lines = [
        INTRODUCTION.format(rounds=rounds, seconds=seconds, connections=CONNECTIONS, machine=machine()),
        f"| | {' | '.join(f'{name}, requests/s' for name in names)} | over textbook | of bare ASGI |",
        f"|---|{'---|' * (len(names) + 2)}",
    ]
    for workload, result in results.items():
        rates = " | ".join(f"{statistics.median(load.rate for load in result[name]):,.0f}" for name in names)
        over = spread(ratios(result, "vae-service", BASELINE))
        share = spread(ratios(result, "vae-service", "bare ASGI"))
        lines.append(f"| {workload.name} | {rates} | {over} | {share} |")
    return "\n".join([*lines, "", "![Rates over the textbook service's](throughput.png)", ""])


def machine() -> str:
    """Processor, cores and versions."""
    info = Path("/proc/cpuinfo").read_text()
    model = next((line.split(":")[1].strip() for line in info.splitlines() if line.startswith("model name")), "?")
    packages = ", ".join(
        f"{name} {version(name)}" for name in ("fastapi", "uvicorn", "onnxruntime", "numpy", "pillow", "zlib-ng")
    )
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}, {packages}."


def plot(results: dict[Workload, Rounds]) -> Figure:
    """Bars: each server's rate over the textbook's."""
    figure = Figure(figsize=(9, 4), dpi=120, layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(COMMANDS)
    for place, name in enumerate(COMMANDS):
        middles = [statistics.median(ratios(result, name, BASELINE)) for result in results.values()]
        bars = axes.bar([index + place * width for index in range(len(results))], middles, width, label=name)
        axes.bar_label(bars, fmt="%.1f", fontsize=7)
    axes.set_xticks(
        [index + width for index in range(len(results))], [workload.name for workload in results], fontsize=7
    )
    axes.set_ylabel("requests/s, textbook = 1")
    axes.legend()
    return figure


if __name__ == "__main__":
    typer.run(main)
