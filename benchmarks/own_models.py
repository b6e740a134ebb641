"""Convolutional models of one's own images, beside the same graphs in other servers.

python -m benchmarks.own_models: make the models, and print the tables.
"""

import io
import statistics
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, NamedTuple

import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image

from benchmarks.aligned_parts import aligned_parts
from benchmarks.compare import check_same_responses
from benchmarks.latency import latency_cells
from benchmarks.load import run
from benchmarks.servers import ONE_THREAD, Server, servers, start
from benchmarks.tables import Table, ratios
from benchmarks.tensors import HEADINGS, compare_with_triton, tensor_workload
from benchmarks.usage import Usage, measure_usage
from benchmarks.workload import Workload, base64_text, item_bodies
from training.artifact.exported_model import ExportedModel

SIZES = {"64 x 64 grey": ("L", 64), "64 x 64": ("RGB", 64), "128 x 128": ("RGB", 128)}
COUNT = 300  # pictures to train on
EPOCHS = 3
COUNTS = (1, 16)
CONNECTIONS = 4
SENT = 160  # pictures in requests
JPEG_QUALITY = 90

Levels = NDArray[np.uint8]


class OwnModel(NamedTuple):
    """A model, and pictures for it.

    levels: uint8 (count, channels, height, width).
    """

    name: str
    folder: Path
    levels: Levels


def make_model(name: str, folder: Path) -> OwnModel:
    """Train a model of made parts for a few epochs, as ``vae-train create`` does."""
    mode, side = SIZES[name]
    pictures = folder / "pictures"
    pictures.mkdir(parents=True)
    parts = aligned_parts(COUNT, side, seed=0)
    images = [picture_of(part.numpy()).convert(mode) for part in parts.images]
    for index, image in enumerate(images):
        image.save(pictures / f"{index:03}.png")
    model = folder / "model"
    create = [sys.executable, "-m", "training", "create", str(pictures)]
    run([*create, "--model", str(model), "--epochs", f"{EPOCHS}"], folder)
    levels = np.stack([np.atleast_3d(np.asarray(image)) for image in images[:SENT]])
    return OwnModel(name, model, levels.transpose(0, 3, 1, 2))


def picture_of(levels: Levels) -> Image.Image:
    """Return an image of levels (channels, height, width)."""
    return Image.fromarray(levels.transpose(1, 2, 0).squeeze())


def file_of(levels: Levels, image_format: str) -> str:
    """Return an image as a file in base64, with Pillow's defaults."""
    content = io.BytesIO()
    options = {"quality": JPEG_QUALITY} if image_format == "JPEG" else {}
    picture_of(levels).save(content, format=image_format, **options)
    return base64_text(content.getvalue())


def picture_workload(
    model: OwnModel, path: str, image_format: str, count: int
) -> Workload:
    """Return requests of ``count`` pictures each."""
    files = [file_of(levels, image_format) for levels in model.levels]
    name = f"{model.name}, `{path}`, {image_format}, {count}"
    return Workload(name, path, item_bodies("images", files, count))


def picture_workloads(model: OwnModel) -> Iterator[Workload]:
    """Yield what is compared with other servers."""
    for image_format in ("PNG", "JPEG"):
        for count in COUNTS:
            yield picture_workload(model, "/reconstruct", image_format, count)


def serving(model: OwnModel) -> dict[str, Server]:
    """Return the servers by name, with this model; the textbook with one thread.

    BentoML's workers have sessions of their own, so that their time is not known.
    """
    compared = servers()
    for name in ("textbook", "bare ASGI", "BentoML"):
        compared.pop(name, None)
    ours = compared["vae-service"].command
    *command, port_flag = ours
    setting = f"TEXTBOOK_MODEL={model.folder}"
    for name, server in compared.items():
        compared[name] = Server(["env", setting, *server.command])
    flags = ["--model", str(model.folder)]
    compared["vae-service"] = Server([*command, *flags, port_flag])
    return compared


def picture_table(models: list[OwnModel], rounds: int, seconds: int) -> Table:
    """Compare pictures in JSON with other servers."""
    names = list(serving(models[0]))
    rows = []
    for model in models:
        with ExitStack() as stack:
            probe = picture_workload(model, "/reconstruct", "PNG", 1)
            running = {
                name: stack.enter_context(start(server, probe))
                for name, server in serving(model).items()
            }
            urls = {name: server.url for name, server in running.items()}
            for workload in picture_workloads(model):
                if "PNG" in workload.name:  # decoders of JPEG differ by a level or two
                    check_same_responses(urls, workload)
                turns = [
                    [
                        measure_usage(server, workload, seconds, CONNECTIONS)
                        for server in running.values()
                    ]
                    for _ in range(rounds)
                ]
                rows.append([workload.name, *usage_cells(turns)])
    return Table(
        "Models of one's own images",
        f"{CONNECTIONS} connections; microseconds of processor time of a request, over "
        f"all processes, medians of {rounds} alternating rounds; then that of the "
        "textbook with one thread in that of vae-service. The models are those that "
        "`vae-train create` makes: convolutional, 64 latents.",
        ["", *names, f"{ONE_THREAD} / vae-service"],
        rows,
    )


def usage_cells(turns: list[list[Usage]]) -> list[str]:
    """Return the cells of a row, by the usages of each round in the servers' order.

    The first is the service, the second the textbook.
    """
    costs = [[usage.cost for usage in each] for each in zip(*turns, strict=True)]
    ratio = statistics.median(ratios(costs[1], costs[0]))
    return [
        *(f"{1e6 * statistics.median(each):,.0f}" for each in costs),
        f"{ratio:.2f}",
    ]


def own_tensor_table(models: list[OwnModel], rounds: int, seconds: int) -> Table:
    """Compare binary tensors with Triton."""
    rows = []
    for model in models:
        pixels = model.levels.astype(np.float32) / np.float32(255)
        means, _ = ExportedModel(model.folder).encode(pixels)
        items = {"encoder": pixels, "decoder": means}
        workloads = [
            tensor_workload(name, inputs, count, is_binary=True)
            for name, inputs in items.items()
            for count in COUNTS
        ]
        compared = compare_with_triton(
            model.folder, workloads, rounds, seconds, CONNECTIONS
        )
        rows += [[model.name, *row] for row in compared]
    return Table(
        "Tensors of one's own models beside Triton",
        f"As above, with {CONNECTIONS} connections.",
        ["", *HEADINGS],
        rows,
    )


def own_latency_table(models: list[OwnModel], seconds: int) -> Table:
    """Measure latencies at half the capacity, of reconstructions and inspections."""
    rows = []
    for model in models:
        for path in ("/reconstruct", "/inspect"):
            workload = picture_workload(model, path, "PNG", 1)
            for name, server in serving(model).items():
                is_ours = name == "vae-service"
                if is_ours or (name == ONE_THREAD and path == "/reconstruct"):
                    cells = latency_cells(server, workload, seconds)
                    rows.append([f"{model.name}, `{path}`", name, *cells])
    return Table(
        "Latency of one's own models at half the capacity",
        "One PNG in each request; as above.",
        ["", "", "requests/s", "p50", "p99", "p99.9", "p99 / p50"],
        rows,
    )


def own_model_tables(rounds: int, seconds: int) -> list[Table]:
    """Make the models, and measure them."""
    with TemporaryDirectory() as folder:
        models = [
            make_model(name, Path(folder, f"{index}"))
            for index, name in enumerate(SIZES)
        ]
        return [
            picture_table(models, rounds, seconds),
            own_tensor_table(models, rounds, seconds),
            own_latency_table(models, seconds),
        ]


def main(
    rounds: Annotated[int, typer.Option(min=1, help="Alternating rounds.")] = 5,
    seconds: Annotated[int, typer.Option(min=1, help="Seconds of load.")] = 2,
) -> None:
    """Print the tables."""
    for table in own_model_tables(rounds, seconds):
        typer.echo("\n".join(table.lines()))


if __name__ == "__main__":
    typer.run(main)
