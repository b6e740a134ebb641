"""The folder that training leaves behind, read back: two ONNX graphs and the model card.

encoder.onnx:   pixels float32 (batch, 1, 28, 28) in [0, 1] -> mean, log_variance float32 (batch, latent)
decoder.onnx:   latent float32 (batch, latent) -> pixels float32 (batch, 1, 28, 28) in [0, 1]
statistics.npz: the samplers' arrays, see ``training.artifact.latent_statistics``
model.json:     the card, see ``training.artifact.export``
"""

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from training.files import write_file

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read when onnxruntime is imported
import onnxruntime

FORMAT_VERSION = 1
ENCODER_FILE, DECODER_FILE, CARD_FILE = "encoder.onnx", "decoder.onnx", "model.json"
CARD_KEYS = (
    "latent_size",
    "objective",
    "training",
    "data",
    "quality",
    "graphs",
)  # that are read here

Floats = NDArray[np.float32]


class ModelError(Exception):
    """A model cannot be exported, or the folder is not a complete model; the message says why."""


class ExportedModel:
    """Both graphs in ONNX Runtime, and the card."""

    def __init__(self, folder: Path) -> None:
        """Open the model in ``folder``. Raises ModelError, naming the file that cannot be read or is not the card's."""
        self.folder = folder
        self.card = read_card(folder)
        self._graphs = [
            read_file(folder, self.card["graphs"][name])
            for name in ("encoder", "decoder")
        ]
        self._encoder, self._decoder = map(open_session, self._graphs)

    def encode(self, pixels: Floats) -> tuple[Floats, Floats]:
        """Posterior mean and log-variance, each (batch, latent), of pixels (batch, 1, 28, 28) in [0, 1]."""
        mean, log_variance = self._encoder.run(
            ["mean", "log_variance"], {"pixels": pixels}
        )
        return mean, log_variance

    def decode(self, latent: Floats) -> Floats:
        """Pixels (batch, 1, 28, 28) in [0, 1] of latents (batch, latent)."""
        (pixels,) = self._decoder.run(["pixels"], {"latent": latent})
        return pixels  # type: ignore[no-any-return]  # onnxruntime's run is not typed

    def layers(self) -> "Architecture":
        """The dense layers, as they stand in the graphs."""
        return architecture(*map(onnx.load_from_string, self._graphs))


def open_session(graph: bytes) -> onnxruntime.InferenceSession:
    """An inference session on the CPU for a serialised graph."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # idle threads would spin against PyTorch's
    return onnxruntime.InferenceSession(
        graph, options, providers=["CPUExecutionProvider"]
    )


def read_file(folder: Path, entry: dict[str, str]) -> bytes:
    """A file of the model, by what the card says of it. Raises ModelError, naming it."""
    path = folder / entry["file"]
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error}") from error
    if hashlib.sha256(content).hexdigest() != entry["sha256"]:
        raise ModelError(
            f"{path} is not the file that the card names: its SHA-256 differs"
        )
    return content


def read_card(folder: Path) -> dict[str, Any]:
    """The model card. Raises ModelError, naming the file, if it is missing, not JSON or not of this format version."""
    path = folder / CARD_FILE
    try:
        card: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} is not a readable model card: {error}") from error
    version = card.get("format_version") if isinstance(card, dict) else None
    if version != FORMAT_VERSION:
        raise ModelError(f"{path} has format version {version}, not {FORMAT_VERSION}")
    if missing := [key for key in CARD_KEYS if key not in card]:
        raise ModelError(f"{path} lacks {', '.join(missing)}")
    return card


def read_measured_card(folder: Path) -> dict[str, Any]:
    """The card of a model that was evaluated. Raises ModelError, naming the folder, if it was not."""
    card = read_card(folder)
    if card["quality"] is None:
        raise ModelError(f"{folder} has no measures: evaluate it first")
    return card


def write_card(folder: Path, card: dict[str, Any]) -> None:
    """Write the model card, whole or not at all."""
    write_file(folder / CARD_FILE, json.dumps(card, indent=2).encode() + b"\n")


@dataclass(frozen=True, slots=True)
class DenseLayer:
    """A fully connected layer: weights (outputs, inputs), biases (outputs,), then the activation."""

    inputs: int
    outputs: int
    activation: str

    @property
    def parameters(self) -> int:
        """Number of weights and biases."""
        return self.outputs * self.inputs + self.outputs


@dataclass(frozen=True, slots=True)
class Architecture:
    """The dense layers of encoder, sampler and decoder, in the order in which data passes them."""

    encoder: list[DenseLayer]
    mean: DenseLayer
    log_variance: DenseLayer
    decoder: list[DenseLayer]

    @property
    def parameters(self) -> int:
        """Number of weights and biases of the whole model."""
        return sum(
            layer.parameters
            for layer in [*self.encoder, self.mean, self.log_variance, *self.decoder]
        )

    def to_card(self) -> dict[str, Any]:
        """The layers as the model card has them."""

        def entry(layer: DenseLayer) -> dict[str, Any]:
            return {**asdict(layer), "parameters": layer.parameters}

        return {
            "encoder": [entry(layer) for layer in self.encoder],
            "sampler": {
                "mean": entry(self.mean),
                "log_variance": entry(self.log_variance),
            },
            "decoder": [entry(layer) for layer in self.decoder],
        }


def architecture(encoder: onnx.ModelProto, decoder: onnx.ModelProto) -> Architecture:
    """Read the dense layers off the graphs: every Gemm, and the activation that its output reaches."""
    encoder_layers = dense_layers(encoder.graph)
    mean, log_variance = encoder_layers.pop("mean"), encoder_layers.pop("log_variance")
    return Architecture(
        list(encoder_layers.values()),
        mean,
        log_variance,
        list(dense_layers(decoder.graph).values()),
    )


def dense_layers(graph: onnx.GraphProto) -> dict[str, DenseLayer]:
    """The graph's dense layers by the name of the value that each computes before its activation."""
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    layers = {}
    for node in graph.node:
        if node.op_type == "Gemm":
            outputs, inputs = shapes[node.input[1]]
            layers[node.output[0]] = DenseLayer(
                inputs, outputs, activation(graph, node.output[0])
            )
    return layers


def activation(graph: onnx.GraphProto, value: str) -> str:
    """The name of the function that is applied to a layer's output, through any reshaping."""
    names = {"Relu": "ReLU", "Sigmoid": "Sigmoid"}
    for node in graph.node:
        if value in node.input:
            return names.get(node.op_type) or (
                activation(graph, node.output[0])
                if node.op_type == "Reshape"
                else "Identity"
            )
    return "Identity"
