"""python -m benchmarks: time the service beside the alternatives and write RESULTS.md and throughput.png."""

import os
import platform
import statistics
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from matplotlib.figure import Figure
from rich.progress import track

from benchmarks.compare import check_same_answers
from benchmarks.costs import spread, tables
from benchmarks.servers import CONNECTIONS, ONE_THREAD, Server, drive, running, servers
from benchmarks.workload import Workload, workloads
from training.data.errors import DataError
from training.data.mnist import DataSource

HERE = Path(__file__).parent
SERVICE, BASELINE = "vae-service", ONE_THREAD
Rounds = dict[str, list[float]]  # each server's requests a second, round by round
INTRODUCTION = """\
# Results

`make bench`, or `make bench-rivals` with the other frameworks too: {rounds} alternating rounds of {seconds} s, wrk with
{connections} connections, each server with all its threads on one core and the load on another. Requests rotate through
many different digits; all servers were seen to answer the same. Ratios are medians over rounds, with the lowest and the
highest; absolute rates depend on the machine and the minute.

The textbook service is what a tutorial on FastAPI and ONNX Runtime would write. ONNX Runtime then makes a thread for
each core of the machine, and on the server's one core all but one of them spin. So the textbook is there with one
thread as well, and the frameworks do its work with one; the plot and what lies beside the rate compare with one. Bare
ASGI is this service's own codec and model without framework or checks, one request at a time, its JSON written by
Python's json.

{machine}
"""


def main(
    rounds: Annotated[int, typer.Option(min=1, help="Alternating rounds.")] = 5,
    seconds: Annotated[
        int, typer.Option(min=1, help="Length of each server's turn.")
    ] = 2,
    output: Annotated[
        Path, typer.Option(help="Folder for RESULTS.md and throughput.png.")
    ] = HERE,
) -> None:
    """Time every operation on each server, in alternating rounds."""
    try:
        digits = DataSource().load("train", None)
    except DataError as error:
        raise SystemExit(f"error: {error}") from None
    output.mkdir(parents=True, exist_ok=True)
    everything = list(workloads())
    compared = servers()
    results: dict[Workload, Rounds] = {}
    with ExitStack() as stack:
        urls = {
            name: stack.enter_context(running(server, everything[0])).url
            for name, server in compared.items()
        }
        for workload in everything:
            check_same_answers(serving(urls, compared, workload), workload)
        for workload in track(everything, description="benchmarks"):
            results[workload] = measure(
                serving(urls, compared, workload), workload, rounds, seconds
            )
    beside = [
        line
        for table in tables(compared, digits, max(1, rounds // 2), seconds)
        for line in table.lines()
    ]
    (output / "RESULTS.md").write_text(
        "\n".join([report(results, rounds, seconds), *beside, ""])
    )
    plot(results).savefig(output / "throughput.png", metadata={"Software": None})
    typer.echo((output / "RESULTS.md").read_text())


def serving(
    urls: dict[str, str], compared: dict[str, Server], workload: Workload
) -> dict[str, str]:
    """The addresses of the servers that serve a workload's path."""
    return {
        name: url
        for name, url in urls.items()
        if compared[name].only in {None, workload.path}
    }


def measure(
    urls: dict[str, str], workload: Workload, rounds: int, seconds: int
) -> Rounds:
    """Each server's rates, one a round; the servers take turns, so that a slow minute is everybody's."""
    for url in urls.values():
        drive(url, workload, 1)  # warm
    turns = [
        {name: drive(url, workload, seconds) for name, url in urls.items()}
        for _ in range(rounds)
    ]
    return {name: [turn[name] for turn in turns] for name in urls}


def ratios(result: Rounds, name: str, baseline: str) -> list[float]:
    """A server's rate over another's, round by round."""
    return [
        ours / theirs
        for ours, theirs in zip(result[name], result[baseline], strict=True)
    ]


def report(results: dict[Workload, Rounds], rounds: int, seconds: int) -> str:
    """The results as a page of Markdown."""
    names = list(next(iter(results.values())))  # every server serves the first workload
    lines = [
        INTRODUCTION.format(
            rounds=rounds, seconds=seconds, connections=CONNECTIONS, machine=machine()
        ),
        "## Requests a second\n",
        f"| | {' | '.join(names)} |",
        f"|---|{'---|' * len(names)}",
        *(
            row(workload, [rate(result, name) for name in names])
            for workload, result in results.items()
        ),
        f"\n## {SERVICE}'s rate over the others'\n",
        f"| | {' | '.join(names[1:])} |",
        f"|---|{'---|' * len(names[1:])}",
        *(
            row(workload, [over(result, name) for name in names[1:]])
            for workload, result in results.items()
        ),
        f"\n![Rates over that of {BASELINE}](throughput.png)\n",
    ]
    return "\n".join(lines)


def row(workload: Workload, cells: list[str]) -> str:
    """A row of a table."""
    return f"| {workload.name} | {' | '.join(cells)} |"


def rate(result: Rounds, name: str) -> str:
    """A server's median rate, where it serves the path."""
    return f"{statistics.median(result[name]):,.0f}" if name in result else ""


def over(result: Rounds, name: str) -> str:
    """The service's rate over another server's: median, lowest and highest."""
    return spread(ratios(result, SERVICE, name)) if name in result else ""


def machine() -> str:
    """Processor, cores and versions."""
    info = Path("/proc/cpuinfo").read_text()
    model = next(
        (
            line.split(":")[1].strip()
            for line in info.splitlines()
            if line.startswith("model name")
        ),
        "?",
    )
    packages = ", ".join(
        f"{name} {version(name)}"
        for name in ("fastapi", "uvicorn", "onnxruntime", "numpy", "pillow", "zlib-ng")
    )
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}, {packages}."


def plot(results: dict[Workload, Rounds]) -> Figure:
    """Bars: each server's rate over the baseline's."""
    figure = Figure(figsize=(10, 4), dpi=120, layout="constrained")
    axes = figure.subplots()
    names = list(next(iter(results.values())))  # every server serves the first workload
    width = 0.85 / len(names)
    for place, name in enumerate(names):
        middles = [
            statistics.median(ratios(result, name, BASELINE)) if name in result else 0
            for result in results.values()
        ]
        bars = axes.bar(
            [index + place * width for index in range(len(results))],
            middles,
            width,
            label=name,
        )
        axes.bar_label(
            bars, [f"{middle:.1f}" if middle else "" for middle in middles], fontsize=7
        )
    labels = [workload.name.replace(", ", "\n") for workload in results]
    axes.set_xticks(
        [index + width for index in range(len(results))], labels, fontsize=8
    )
    axes.set_ylabel(f"requests/s, {BASELINE} = 1")
    figure.legend(loc="outside upper center", ncols=len(names), fontsize=8)
    return figure


if __name__ == "__main__":
    typer.run(main)
