"""python -m benchmarks: compare the service with alternatives; write the results.

The results are RESULTS.md and throughput.png.
"""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import track

from benchmarks.compare import check_same_responses
from benchmarks.conv_training import conv_step_table, conv_training_table
from benchmarks.costs import batch_table, stage_table
from benchmarks.deployment import feature_table, start_table, worker_table
from benchmarks.latency import connection_table, latency_table
from benchmarks.own_models import own_model_tables
from benchmarks.rates import Results, measure_rates
from benchmarks.report import plot, report
from benchmarks.servers import servers, start
from benchmarks.tables import Table
from benchmarks.tensors import tensor_tables
from benchmarks.training_speed import training_table
from benchmarks.workload import workloads
from training.data.errors import DataError
from training.data.images import LabelledImages
from training.data.mnist import DataSource

HERE = Path(__file__).parent

RoundsOption = Annotated[int, typer.Option(min=1, help="Alternating rounds.")]
SecondsOption = Annotated[
    int,
    typer.Option(min=1, help="Duration of each server's load in a round."),
]
OutputOption = Annotated[
    Path,
    typer.Option(help="Folder for RESULTS.md and throughput.png."),
]


def main(
    rounds: RoundsOption = 5,
    seconds: SecondsOption = 2,
    output: OutputOption = HERE,
) -> None:
    """Measure every operation on each server, in alternating rounds."""
    try:
        digits = DataSource().load("train", None)
    except DataError as error:
        raise SystemExit(f"error: {error}") from None
    output.mkdir(parents=True, exist_ok=True)
    results = compare_rates(rounds, seconds)
    lines = [report(results, rounds, seconds)]
    for table in measure_tables(digits, max(1, rounds // 2), seconds):
        lines.extend(table.lines())
    path = output / "RESULTS.md"
    path.write_text("\n".join(lines) + "\n")
    plot(results).savefig(output / "throughput.png", metadata={"Software": None})
    typer.echo(path.read_text())


def compare_rates(rounds: int, seconds: int) -> Results:
    """Measure each server's rates for every workload that it serves.

    Raise RuntimeError if the servers' responses differ.
    """
    everything = list(workloads())
    compared = servers()
    results: Results = {}
    with ExitStack() as stack:
        urls = {}
        for name, server in compared.items():
            running = stack.enter_context(start(server, everything[0]))
            urls[name] = running.url
        urls_by_workload = {}
        for workload in everything:
            serving = {
                name: url
                for name, url in urls.items()
                if compared[name].serves(workload.path)
            }
            check_same_responses(serving, workload)
            urls_by_workload[workload] = serving
        for workload in track(everything, description="benchmarks"):
            serving = urls_by_workload[workload]
            results[workload] = measure_rates(serving, workload, rounds, seconds)
    return results


def measure_tables(
    digits: LabelledImages,
    rounds: int,
    seconds: int,
) -> list[Table]:
    """Measure everything besides the rates; training uses ``digits``."""
    compared = servers()
    return [
        latency_table(compared, seconds),
        connection_table(compared, rounds, seconds),
        batch_table(compared, rounds, seconds),
        stage_table(seconds),
        *tensor_tables(rounds, seconds),
        feature_table(rounds, seconds),
        worker_table(rounds, seconds),
        start_table(),
        training_table(digits),
        *own_model_tables(rounds, seconds),
        conv_training_table(),
        conv_step_table(),
    ]


if __name__ == "__main__":
    typer.run(main)
