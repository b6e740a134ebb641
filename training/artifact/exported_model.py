"""An exported model: both ONNX graphs in ONNX Runtime, and the model card.

Files in the model's folder:

encoder.onnx
    pixels float32 (batch, channels, height, width) in [0, 1]
    -> mean, log_variance float32 (batch, latent)
decoder.onnx
    latent float32 (batch, latent)
    -> pixels float32 (batch, channels, height, width) in [0, 1]
inspector.onnx
    pixels, reconstruction float32 (batch, channels, height, width) in [0, 1]
    -> map float32 (batch, height, width), 0 or more
statistics.npz
    latent statistics, written by ``training.artifact.latent_statistics``
model.json
    the model card, written by ``training.artifact.export``
"""

import os
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from training.artifact.architecture import Architecture, read_architecture
from training.artifact.model_card import read_card, read_file
from training.network.objective import Objective

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read when onnxruntime is imported
import onnxruntime

Floats = NDArray[np.float32]


class ExportedModel:
    """Both graphs in ONNX Runtime, and the model card."""

    def __init__(self, folder: Path) -> None:
        """Open the model in ``folder``.

        Raise ModelError, naming the file, if one cannot be read or its hash differs
        from the card's.
        """
        self.folder = folder
        self.card = read_card(folder)
        graphs = self.card["graphs"]
        self._encoder_graph = read_file(folder, graphs["encoder"])
        self._decoder_graph = read_file(folder, graphs["decoder"])
        self._encoder = open_session(self._encoder_graph)
        self._decoder = open_session(self._decoder_graph)

    @property
    def objective(self) -> Objective:
        """The objective that training minimised."""
        objective = self.card["objective"]
        if objective["name"] == "gaussian":
            return Objective("gaussian", variance=objective["variance"])
        if objective["c"] is None:
            return Objective(objective["name"])
        return Objective(objective["name"], objective["c"])

    @property
    def latent_size(self) -> int:
        """Number of latent dimensions."""
        size: int = self.card["latent_size"]
        return size

    @property
    def class_names(self) -> list[str]:
        """Names of the classes, which the statistics' numbers index."""
        return [label["name"] for label in self.card["labels"]]

    @property
    def binarized(self) -> bool:
        """Return whether training drew each pixel black or white."""
        binarized: bool = self.card["training"]["binarize"]
        return binarized

    def encode(self, pixels: Floats) -> tuple[Floats, Floats]:
        """Return the posterior's mean and log-variance, each (batch, latent).

        ``pixels``: (batch, channels, height, width) in [0, 1].
        """
        outputs = ["mean", "log_variance"]
        mean, log_variance = self._encoder.run(outputs, {"pixels": pixels})
        return mean, log_variance

    def decode(self, latent: Floats) -> Floats:
        """Return pixels in [0, 1] of latents (batch, latent).

        Their shape is (batch, channels, height, width).
        """
        (pixels,) = self._decoder.run(["pixels"], {"latent": latent})
        return pixels  # type: ignore[no-any-return]  # onnxruntime's run is not typed

    def layers(self) -> Architecture:
        """Return the dense layers, read from the graphs."""
        encoder = onnx.load_from_string(self._encoder_graph)
        decoder = onnx.load_from_string(self._decoder_graph)
        return read_architecture(encoder, decoder)


def open_session(graph: bytes) -> onnxruntime.InferenceSession:
    """Return a CPU inference session for a serialised graph."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # idle threads would spin against PyTorch's
    providers = ["CPUExecutionProvider"]
    return onnxruntime.InferenceSession(graph, options, providers=providers)
