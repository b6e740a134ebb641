"""The autoencoder in ONNX Runtime: the only file that imports onnxruntime."""

import os
import sys
from typing import NamedTuple, Self

from typing_extensions import override

from service.model.autoencoder import (
    MAX_UINT8,
    Backend,
    Floats,
    Pixels,
    Posterior,
    check_inference,
)
from service.model.calibration import Calibration
from service.model.card import CardFile, ModelCard
from service.model.cost import ModelCost, measure_cost, rows_within
from service.model.errors import InferenceError, ModelLoadError, NoInspectorError
from service.model.model_folder import (
    ModelFiles,
    read_calibration,
    read_card,
    read_statistics,
    read_verified,
)
from service.model.statistics import LatentStatistics

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read when onnxruntime is imported
import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

# ONNX Runtime reports an axis of any length as its name, or None if it has none.
Shape = list[str | int | None]
BATCH = "batch"
# Larger batches are computed in several calls: they are not faster for a convolutional
# network, whose intermediate results take 0.5 MB for each image of 128 x 128.
MAX_CALL_MS = 10

RUN_ERRORS = (
    ort_errors.EPFail,
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
)
# ONNX Runtime's own errors derive from Exception; a system error is a RuntimeError.
LOAD_ERRORS = (*RUN_ERRORS, RuntimeError)

SPINNING = "session.intra_op.allow_spinning"
EXTERNAL_DATA_FOLDER = "session.model_external_initializers_file_folder_path"
# A tensor stored in another file has this key in the graph: field 1, 8 bytes long.
EXTERNAL_DATA_KEY = b"\x0a\x08location"


class Sessions(NamedTuple):
    """Sessions of a model's graphs. A model that cannot inspect has no inspector."""

    encoder: onnxruntime.InferenceSession
    decoder: onnxruntime.InferenceSession
    inspector: onnxruntime.InferenceSession | None


class OnnxAutoencoder(Backend):
    """Encoder, decoder and inspector graphs on the CPU, one thread each.

    Additional processes increase throughput more than additional threads.
    """

    def __init__(
        self,
        card: ModelCard,
        sessions: Sessions,
        statistics: LatentStatistics,
        calibration: Calibration | None,
    ) -> None:
        self._card = card
        self._encoder, self._decoder, self._inspector = sessions
        self._statistics = statistics
        self._calibration = calibration
        self._cost = ModelCost(encode=0, decode=0)
        # In one call:
        self._max_images = self._max_latents = self._max_pairs = sys.maxsize

    @classmethod
    def load(cls, folder: ModelFiles) -> Self:
        """Open the model in ``folder``, run it, and measure its cost.

        Raises ModelLoadError, in one line, if a file is missing, is not what the card
        says or does not compute.
        """
        card = read_card(folder)
        sessions = open_graphs(folder, card)
        statistics = read_statistics(folder, card)
        calibration = read_calibration(folder, card, statistics)
        autoencoder = cls(card, sessions, statistics, calibration)
        try:
            check_inference(autoencoder)
            autoencoder.measure()
        except InferenceError as error:
            raise ModelLoadError(f"{folder}: {error}") from error
        return autoencoder

    @property
    @override
    def card(self) -> ModelCard:
        return self._card

    @property
    @override
    def statistics(self) -> LatentStatistics:
        return self._statistics

    @property
    @override
    def calibration(self) -> Calibration | None:
        return self._calibration

    @property
    @override
    def cost(self) -> ModelCost:
        return self._cost

    def measure(self) -> None:
        """Measure the cost of an image, and bound calls by it. Raises InferenceError."""
        map_anomalies = self.map_anomalies if self._inspector else None
        self._cost = measure_cost(self.encode, self.decode, map_anomalies, self._card)
        self._max_images = rows_within(MAX_CALL_MS, self._cost.encode)
        self._max_latents = rows_within(MAX_CALL_MS, self._cost.decode)
        self._max_pairs = rows_within(MAX_CALL_MS, self._cost.inspect)

    @override
    def encode(self, pixels: Pixels | Floats) -> Posterior:
        rows = np.asarray(pixels, dtype=np.float32)
        if pixels.dtype == np.uint8:
            rows = rows / MAX_UINT8
        outputs = ["mean", "log_variance"]
        mean, log_variance = run(
            self._encoder, outputs, {"pixels": rows}, self._max_images
        )
        return Posterior(mean, log_variance)

    @override
    def decode(self, latents: Floats) -> Floats:
        outputs = ["pixels"]
        inputs = {"latent": latents}
        (pixels,) = run(self._decoder, outputs, inputs, self._max_latents)
        return pixels

    @override
    def map_anomalies(self, pairs: Floats) -> Floats:
        if self._inspector is None:
            raise NoInspectorError
        channels, _, _ = self._card.image_shape
        inputs = {"pixels": pairs[:, :channels], "reconstruction": pairs[:, channels:]}
        (maps,) = run(self._inspector, ["map"], inputs, self._max_pairs)
        return maps


def run(
    session: onnxruntime.InferenceSession,
    outputs: list[str],
    inputs: dict[str, Floats],
    max_rows: int,
) -> list[Floats]:
    """Run a graph on the rows of its inputs and return the named outputs.

    inputs: by name, all of the same length.
    max_rows: in one call; more rows are computed in several, with the same results.

    Raises InferenceError.
    """
    first = next(iter(inputs.values()))
    try:
        if len(first) <= max_rows:
            return session.run(outputs, inputs)  # type: ignore[no-any-return]  # onnxruntime's run is not typed
        parts = []
        for start in range(0, len(first), max_rows):
            stop = start + max_rows
            part = {name: rows[start:stop] for name, rows in inputs.items()}
            parts.append(session.run(outputs, part))
    except RUN_ERRORS as error:
        raise InferenceError(f"ONNX Runtime: {error}") from error
    return [np.concatenate(results) for results in zip(*parts, strict=True)]


def open_graphs(folder: ModelFiles, card: ModelCard) -> Sessions:
    """Open the graphs that the card names. Raises ModelLoadError, naming the file."""
    channels, height, width = card.image_shape
    image: Shape = [BATCH, channels, height, width]
    latent: Shape = [BATCH, card.latent_size]
    graphs = card.graphs
    encoder = open_graph(
        folder,
        graphs.encoder,
        {"pixels": image, "mean": latent, "log_variance": latent},
    )
    decoder = open_graph(folder, graphs.decoder, {"latent": latent, "pixels": image})
    inspector = None
    if graphs.inspector is not None:
        tensors: dict[str, Shape] = {
            "pixels": image,
            "reconstruction": image,
            "map": [BATCH, height, width],
        }
        inspector = open_graph(folder, graphs.inspector, tensors)
    return Sessions(encoder, decoder, inspector)


def open_graph(
    folder: ModelFiles,
    graph: CardFile,
    tensors: dict[str, Shape],
) -> onnxruntime.InferenceSession:
    """Open a graph whose inputs and outputs are exactly ``tensors``.

    Raises ModelLoadError, naming the file.
    """
    path = folder / graph.file
    content = read_verified(folder, graph)
    session = create_session(path, content)
    found = tensor_shapes(session)
    if found != tensors:
        raise ModelLoadError(
            f"{path} has the inputs and outputs {found}; its card asks for {tensors}"
        )
    return session


def tensor_shapes(session: onnxruntime.InferenceSession) -> dict[str, Shape]:
    """Return the shape of each input and output by its name.

    The first axis is called BATCH if it has any length: exporters name it as they like.
    """
    shapes: dict[str, Shape] = {}
    for tensor in session.get_inputs() + session.get_outputs():
        shape: Shape = list(tensor.shape)
        if shape and not isinstance(shape[0], int):
            shape[0] = BATCH
        shapes[tensor.name] = shape
    return shapes


def create_session(path: ModelFiles, content: bytes) -> onnxruntime.InferenceSession:
    """Create a session of the graph ``content``, which was read from ``path``.

    Raises ModelLoadError, naming the file.
    """
    try:
        return onnxruntime.InferenceSession(
            content,
            session_options(path),
            providers=["CPUExecutionProvider"],
            enable_fallback=0,  # it prints to stdout and tries the same provider again
        )
    except LOAD_ERRORS as error:
        if EXTERNAL_DATA_KEY in content:
            reason = (
                "stores weights in another file (ONNX external data), which the "
                "card's SHA-256 does not cover: export it with external_data=False"
            )
        else:
            reason = f"is not a graph that ONNX Runtime can run: {first_line(error)}"
        raise ModelLoadError(f"{path} {reason}") from error


def first_line(error: Exception) -> str:
    """Return the first line of an error's message."""
    return str(error).partition("\n")[0]


def session_options(graph: ModelFiles) -> onnxruntime.SessionOptions:
    """Return options for one thread, no spinning and no data outside the graph's file.

    ONNX Runtime sizes its pool from the host, not from the container's quota, and its
    idle threads spin; a model of this size gains nothing from a second thread.

    ONNX Runtime would look for external data in the working folder. The folder is set
    to the path of the graph, which is not a folder, so that no data is found. Data
    cannot be elsewhere: ONNX Runtime rejects absolute paths and paths that leave the
    folder.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry(SPINNING, "0")
    options.add_session_config_entry(EXTERNAL_DATA_FOLDER, str(graph))
    return options
