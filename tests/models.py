"""Invalid model folders, a second valid model, and an unbatched autoencoder."""

import hashlib
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from onnx.external_data_helper import set_external_data
from typing_extensions import override

from service.model.autoencoder import (
    Autoencoder,
    Backend,
    Floats,
    Pixels,
    Posterior,
)
from service.model.calibration import Calibration
from service.model.card import ModelCard
from service.model.statistics import LatentStatistics

Damage = Callable[[Path], object]


@dataclass
class UnbatchedAutoencoder(Autoencoder):
    """An autoencoder that calls its backend at once, without awaiting others.

    brightness_percentiles: that were reported last.
    """

    backend: Backend
    brightness_percentiles: Sequence[float] = ()

    @property
    @override
    def card(self) -> ModelCard:
        return self.backend.card

    @property
    @override
    def statistics(self) -> LatentStatistics:
        return self.backend.statistics

    @property
    @override
    def calibration(self) -> Calibration | None:
        return self.backend.calibration

    @override
    async def encode(self, pixels: Pixels | Floats) -> Posterior:
        return self.backend.encode(pixels)

    @override
    async def decode(self, latents: Floats) -> Floats:
        return self.backend.decode(latents)

    @override
    async def map_anomalies(self, pairs: Floats) -> Floats:
        return self.backend.map_anomalies(pairs)

    @override
    def report_percentiles(
        self, scores: Sequence[float], brightness: Sequence[float]
    ) -> None:
        self.brightness_percentiles = brightness


def edit_card(folder: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Apply ``edit`` to the card in a folder."""
    path = folder / "model.json"
    card = json.loads(path.read_text())
    edit(card)
    path.write_text(json.dumps(card))


def truncate(path: Path) -> None:
    """Cut a file in half."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def swap(folder: Path) -> None:
    """Swap the names of the two graphs."""
    (folder / "encoder.onnx").rename(folder / "other")
    (folder / "decoder.onnx").rename(folder / "encoder.onnx")
    (folder / "other").rename(folder / "decoder.onnx")


def swap_with_hashes(folder: Path) -> None:
    """Swap the two graphs' entries in the card."""

    def edit(card: dict[str, Any]) -> None:
        graphs = card["graphs"]
        graphs["encoder"], graphs["decoder"] = graphs["decoder"], graphs["encoder"]

    edit_card(folder, edit)


def replace_with_foreign_file(folder: Path) -> None:
    """Replace the encoder by a file that is not ONNX, with its hash in the card."""
    write_graph(folder, "encoder", b"no graph")


def replace_by_decoder(folder: Path, name: str) -> None:
    """Replace a graph by the decoder, with its hash in the card."""
    write_graph(folder, name, (folder / "decoder.onnx").read_bytes())


def write_graph(folder: Path, name: str, content: bytes) -> None:
    """Replace a graph, with its hash in the card."""
    (folder / f"{name}.onnx").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    edit_card(folder, lambda card: card["graphs"][name].update(sha256=digest))


def store_weights_externally(folder: Path, location: str) -> bytes:
    """Move the encoder's weight matrices to a file called ``location``.

    Returns the content of that file, which is not written. The encoder's hash in the
    card is updated.
    """
    graph = onnx.load(folder / "encoder.onnx")
    content = b""
    for tensor in graph.graph.initializer:
        if tensor.name.endswith(".weight"):
            weights = tensor.raw_data
            set_external_data(tensor, location, len(content), len(weights))
            tensor.ClearField("raw_data")
            content += weights
    write_graph(folder, "encoder", graph.SerializeToString())
    return content


def set_batch_axis(
    folder: Path, name: str, *, length: int | None = None, axis: str = ""
) -> None:
    """Give the batch axis of a graph's inputs and outputs a length, a name or neither.

    The graph's hash in the card is updated.
    """
    model = onnx.load(folder / f"{name}.onnx")
    for tensor in (*model.graph.input, *model.graph.output):
        dimension = tensor.type.tensor_type.shape.dim[0]
        dimension.Clear()
        if length is not None:
            dimension.dim_value = length
        elif axis:
            dimension.dim_param = axis
    write_graph(folder, name, model.SerializeToString())


def write_statistics(folder: Path, content: bytes) -> None:
    """Replace the latent statistics, with their hash in the card."""
    (folder / "statistics.npz").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    edit_card(folder, lambda card: card["statistics"].update(sha256=digest))


def change_statistics(folder: Path, **changes: NDArray[Any] | None) -> None:
    """Replace arrays of the latent statistics; None removes one."""
    with np.load(folder / "statistics.npz") as arrays:
        changed = {**arrays, **changes}
    content = io.BytesIO()
    np.savez(
        content, **{name: array for name, array in changed.items() if array is not None}
    )
    write_statistics(folder, content.getvalue())


# A change that makes a valid folder invalid, and a pattern of the error's message.
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
        lambda folder: edit_card(folder, lambda card: card.update(format_version=1)),
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
        lambda folder: store_weights_externally(folder, "weights.data"),
        r"encoder\.onnx stores weights in another file \(ONNX external data\)",
    ),
    (
        lambda folder: edit_card(folder, lambda card: card.update(latent_size=31)),
        "has the inputs and outputs",
    ),
    (
        lambda folder: edit_card(
            folder, lambda card: card["image"].update(height=14, width=56)
        ),
        "has the inputs and outputs",
    ),
    (
        lambda folder: edit_card(folder, lambda card: card["image"].update(channels=3)),
        "image: Value error, 3 channels are not grey",
    ),
    (
        lambda folder: edit_card(
            folder, lambda card: card["image"].update(channels=3, color="sRGB")
        ),
        "the fit ink needs grey images",
    ),
    (
        lambda folder: edit_card(
            folder, lambda card: card["fit"].update(background=[0, 0, 0])
        ),
        "the fit's background needs 1 levels",
    ),
    (
        lambda folder: edit_card(
            folder, lambda card: card["labels"][1].update(name="0")
        ),
        "labels has two classes of one name",
    ),
    (
        lambda folder: edit_card(folder, lambda card: card["objective"].update(c=None)),
        "objective: Value error, squared-error needs c",
    ),
    (
        lambda folder: edit_card(
            folder, lambda card: card["objective"].update(name="gaussian")
        ),
        "objective: Value error, gaussian needs variance",
    ),
    (
        lambda folder: edit_card(folder, lambda card: card["labels"].pop()),
        r"statistics\.npz: classes has 9, but the card has 9 labels",
    ),
    (
        lambda folder: set_batch_axis(folder, "encoder", length=1),
        r"encoder\.onnx has the inputs and outputs",
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
        r"statistics\.npz: not an archive of latent statistics: File is not a zip file",
    ),
    (
        lambda folder: change_statistics(folder, means=None),
        r"statistics\.npz: .*: 'means is not a file",
    ),
    (
        lambda folder: change_statistics(folder, means=np.zeros((200, 31), np.float32)),
        r"statistics\.npz: means is float32 \(200, 31\), not float32 \(200, 32\)",
    ),
    (
        lambda folder: change_statistics(
            folder, cholesky=np.full((200, 32, 32), np.nan, np.float32)
        ),
        "cholesky has values that are not finite",
    ),
    (
        lambda folder: change_statistics(folder, classes=np.array([{}] * 200)),
        "Object arrays cannot be loaded",
    ),
    (
        lambda folder: change_statistics(folder, classes=np.arange(200, 0, -1)),
        "classes are not ascending",
    ),
    (
        lambda folder: change_statistics(folder, weights=np.zeros(200, np.float32)),
        "weights are not positive",
    ),
    (
        lambda folder: change_statistics(
            folder, cholesky=np.zeros((200, 32, 32), np.float32)
        ),
        "cholesky has a diagonal that is not positive",
    ),
    (
        lambda folder: change_statistics(folder, inspection_scores=None),
        r"statistics\.npz: inspection_scores has the shape \(0, 0\)",
    ),
    (
        lambda folder: change_statistics(
            folder, inspection_scores=np.zeros((3, 5000), np.float32)
        ),
        r"inspection_scores is float32 \(3, 5000\), not float64 \(3, 5000\)",
    ),
    (
        lambda folder: edit_card(
            folder, lambda card: card["inspection"].update(weights=[1])
        ),
        "inspection: Value error, weights must be as many as parts",
    ),
    (
        lambda folder: (folder / "inspector.onnx").unlink(),
        r"inspector\.onnx cannot be read: No such file",
    ),
    (
        lambda folder: replace_by_decoder(folder, "inspector"),
        r"inspector\.onnx has the inputs and outputs",
    ),
    (
        lambda folder: change_statistics(
            folder, class_temperature=np.zeros((), np.float32)
        ),
        "class_temperature is not positive",
    ),
    (
        lambda folder: change_statistics(
            folder, class_temperature=np.ones(2, np.float32)
        ),
        r"class_temperature is float32 \(2,\), not float32 \(\)",
    ),
]


def make_another(folder: Path) -> None:
    """Turn a copy of the model into another one that must not be mixed with it.

    Its latents are the original's negated, and its images are brighter.
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
    """Change weights of a graph by their names, with its hash in the card."""
    graph = onnx.load(folder / f"{name}.onnx")
    for weights in graph.graph.initializer:
        if weights.name in changes:
            change = changes[weights.name]
            values = change(numpy_helper.to_array(weights)).astype(np.float32)
            weights.CopyFrom(numpy_helper.from_array(values, weights.name))
    write_graph(folder, name, graph.SerializeToString())
