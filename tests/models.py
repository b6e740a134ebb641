"""Model folders that are not what their card says, and a good one that is another model."""

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from service.model.autoencoder import Floats

Damage = Callable[[Path], object]


def edit_card(folder: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Change the card in a folder."""
    path = folder / "model.json"
    card = json.loads(path.read_text())
    edit(card)
    path.write_text(json.dumps(card))


def truncate(path: Path) -> None:
    """Cut a file in half."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def swap(folder: Path) -> None:
    """Give each graph the other's name."""
    (folder / "encoder.onnx").rename(folder / "other")
    (folder / "decoder.onnx").rename(folder / "encoder.onnx")
    (folder / "other").rename(folder / "decoder.onnx")


def swap_with_hashes(folder: Path) -> None:
    """Give each graph the other's entry in the card."""

    def edit(card: dict[str, Any]) -> None:
        graphs = card["graphs"]
        graphs["encoder"], graphs["decoder"] = graphs["decoder"], graphs["encoder"]

    edit_card(folder, edit)


def replace_with_foreign_file(folder: Path) -> None:
    """Put a file that is no ONNX where the encoder is, and its hash into the card."""
    (folder / "encoder.onnx").write_bytes(b"no graph")
    digest = "3dedef457e43526d4d19c81bef4756864daf4602ab8df76e4e7e71caf0137661"
    edit_card(folder, lambda card: card["graphs"]["encoder"].update(sha256=digest))


def write_statistics(folder: Path, content: bytes) -> None:
    """Put other latent statistics into a folder, and their hash into the card."""
    (folder / "statistics.npz").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    edit_card(folder, lambda card: card["statistics"].update(sha256=digest))


def change_statistics(folder: Path, **changes: NDArray[Any] | None) -> None:
    """Put other arrays into the latent statistics, or leave some out."""
    with np.load(folder / "statistics.npz") as arrays:
        changed = {**arrays, **changes}
    content = io.BytesIO()
    np.savez(
        content, **{name: array for name, array in changed.items() if array is not None}
    )
    write_statistics(folder, content.getvalue())


# What is done to a good folder, and what the refusal says.
DAMAGES: list[tuple[Damage, str]] = [
    (
        lambda folder: (folder / "model.json").unlink(),
        r"model\.json cannot be read: No such file",
    ),
    (
        lambda folder: (folder / "model.json").write_text("{"),
        r"model\.json is not a model card",
    ),
    (
        lambda folder: edit_card(folder, lambda card: card.update(format_version=2)),
        "format_version",
    ),
    (
        lambda folder: edit_card(folder, lambda card: card.pop("graphs")),
        "graphs: Field required",
    ),
    (
        lambda folder: edit_card(
            folder, lambda card: card["graphs"]["encoder"].update(file="../x.onnx")
        ),
        r"graphs\.encoder\.file",
    ),
    (
        lambda folder: (folder / "encoder.onnx").unlink(),
        r"encoder\.onnx cannot be read: No such file",
    ),
    (
        lambda folder: truncate(folder / "decoder.onnx"),
        r"decoder\.onnx is not the file that its card names",
    ),
    (swap, r"encoder\.onnx is not the file that its card names"),
    (swap_with_hashes, r"decoder\.onnx has the inputs and outputs"),
    (
        replace_with_foreign_file,
        r"encoder\.onnx is not a graph that ONNX Runtime can run",
    ),
    (
        lambda folder: edit_card(folder, lambda card: card.update(latent_size=31)),
        "has the inputs and outputs",
    ),
    (
        lambda folder: edit_card(
            folder, lambda card: card.update(image_shape=[1, 14, 56])
        ),
        "has the inputs and outputs",
    ),
    (
        lambda folder: (folder / "statistics.npz").unlink(),
        r"statistics\.npz cannot be read: No such file",
    ),
    (
        lambda folder: truncate(folder / "statistics.npz"),
        r"statistics\.npz is not the file that its card names",
    ),
    (
        lambda folder: write_statistics(folder, b"no archive"),
        r"statistics\.npz: no archive of latent statistics: File is not a zip file",
    ),
    (
        lambda folder: change_statistics(folder, means=None),
        r"statistics\.npz: .*: 'means is not a file",
    ),
    (
        lambda folder: change_statistics(folder, means=np.zeros((200, 31), np.float32)),
        r"statistics\.npz: means is float32 \(200, 31\) or not finite, not float32 \(200, 32\)",
    ),
    (
        lambda folder: change_statistics(
            folder, cholesky=np.full((200, 32, 32), np.nan, np.float32)
        ),
        "cholesky is float32 .* or not finite",
    ),
    (
        lambda folder: change_statistics(folder, classes=np.array([{}] * 200)),
        "Object arrays cannot be loaded",
    ),
    (
        lambda folder: change_statistics(folder, classes=np.arange(200, 0, -1)),
        "the classes not ascending",
    ),
    (
        lambda folder: change_statistics(folder, weights=np.zeros(200, np.float32)),
        "the weights are not positive",
    ),
    (
        lambda folder: change_statistics(
            folder, cholesky=np.zeros((200, 32, 32), np.float32)
        ),
        "a factor is no Cholesky factor",
    ),
    (
        lambda folder: change_statistics(
            folder, anomaly_quantiles=np.array([2, 1], np.float32)
        ),
        "the anomaly quantiles are not ascending",
    ),
    (
        lambda folder: change_statistics(
            folder, class_temperature=np.zeros((), np.float32)
        ),
        "or the class temperature not positive",
    ),
    (
        lambda folder: change_statistics(
            folder, class_temperature=np.ones(2, np.float32)
        ),
        r"class_temperature is float32 \(2,\) or not finite, not float32 \(\)",
    ),
]


def make_another(folder: Path) -> None:
    """Make a model of its own out of a copy, that would show if one were mixed with the other.

    Its latents are the old one's opposites, and its pictures are brighter.
    """
    change_graph(
        folder,
        "encoder",
        {"mean.weight": lambda values: -values, "mean.bias": lambda values: -values},
    )
    change_graph(
        folder,
        "decoder",
        {
            "hidden.weight": lambda values: -values,
            "output.bias": lambda values: values + 2,
        },
    )


def change_graph(
    folder: Path, name: str, changes: dict[str, Callable[[Floats], Floats]]
) -> None:
    """Change weights of a graph by their names, and its hash in the card."""
    path = folder / f"{name}.onnx"
    graph = onnx.load(path)
    for weights in graph.graph.initializer:
        if weights.name in changes:
            values = changes[weights.name](numpy_helper.to_array(weights)).astype(
                np.float32
            )
            weights.CopyFrom(numpy_helper.from_array(values, weights.name))
    path.write_bytes(graph.SerializeToString())
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    edit_card(folder, lambda card: card["graphs"][name].update(sha256=digest))
