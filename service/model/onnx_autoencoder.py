"""The autoencoder in ONNX Runtime: the only file that imports onnxruntime."""

import hashlib
import os
from pathlib import Path
from typing import Self

import numpy as np
from pydantic import ValidationError

from service.model.autoencoder import (
    Floats,
    Pixels,
    Posterior,
    check_inference,
    unit_pixels,
)
from service.model.card import CardFile, ModelCard
from service.model.errors import InferenceError, ModelLoadError
from service.model.statistics import LatentStatistics

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read when onnxruntime is imported
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

CARD_FILE = "model.json"
Shape = list[str | int]  # a name for an axis of any length
LOAD_ERRORS = (
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
)
RUN_ERRORS = (*LOAD_ERRORS, ort_errors.EPFail)


class OnnxAutoencoder:
    """Encoder and decoder graphs on the CPU, one thread each: more processes serve more than more threads."""

    def __init__(
        self,
        card: ModelCard,
        encoder: onnxruntime.InferenceSession,
        decoder: onnxruntime.InferenceSession,
        statistics: LatentStatistics,
    ) -> None:
        self._card = card
        self._encoder = encoder
        self._decoder = decoder
        self._statistics = statistics

    @property
    def card(self) -> ModelCard:
        """The model card."""
        return self._card

    @property
    def statistics(self) -> LatentStatistics:
        """See ``Autoencoder``."""
        return self._statistics

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Open the model in ``folder`` and run it once.

        Raises ModelLoadError, in one line, if a file is missing, is not what the card says or does not compute.
        """
        card = read_card(folder / CARD_FILE)
        image: Shape = ["batch", *card.image_shape]
        latent: Shape = ["batch", card.latent_size]
        encoder = open_graph(
            folder,
            card.graphs.encoder,
            {"pixels": image, "mean": latent, "log_variance": latent},
        )
        decoder = open_graph(
            folder, card.graphs.decoder, {"latent": latent, "pixels": image}
        )
        autoencoder = cls(card, encoder, decoder, read_statistics(folder, card))
        try:
            check_inference(autoencoder)
        except InferenceError as error:
            raise ModelLoadError(f"{folder}: {error}") from error
        return autoencoder

    def encode(self, pixels: Pixels | Floats) -> Posterior:
        """See ``Autoencoder``."""
        inputs = {"pixels": unit_pixels(pixels)[:, np.newaxis]}
        mean, log_variance = run(self._encoder, ["mean", "log_variance"], inputs)
        return Posterior(mean, log_variance)

    def decode(self, latents: Floats) -> Floats:
        """See ``Autoencoder``."""
        (pixels,) = run(self._decoder, ["pixels"], {"latent": latents})
        return pixels[:, 0]


def run(
    session: onnxruntime.InferenceSession, outputs: list[str], inputs: dict[str, Floats]
) -> list[Floats]:
    """Run a graph. Raises InferenceError."""
    try:
        return session.run(outputs, inputs)  # type: ignore[no-any-return]  # onnxruntime's run is not typed
    except RUN_ERRORS as error:
        raise InferenceError(f"ONNX Runtime: {error}") from error


def read_card(path: Path) -> ModelCard:
    """Read and check the model card. Raises ModelLoadError, naming the file and the field."""
    try:
        return ModelCard.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ModelLoadError(f"{path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        reason = f"{'.'.join(map(str, first['loc']))}: {first['msg']}".removeprefix(
            ": "
        )
        raise ModelLoadError(
            f"{path} is not a model card of format version 1: {reason}"
        ) from error


def read_file(folder: Path, file: CardFile) -> bytes:
    """The content of a file, if it is the one that its card names. Raises ModelLoadError, naming the file."""
    path = folder / file.file
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelLoadError(f"{path} cannot be read: {error.strerror}") from error
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise ModelLoadError(
            f"{path} is not the file that its card names: the SHA-256 differs"
        )
    return content


def read_statistics(folder: Path, card: ModelCard) -> LatentStatistics:
    """The latent statistics that the card names, if it does. Raises ModelLoadError, naming the file."""
    if card.statistics is None:
        return LatentStatistics.unknown(card.latent_size)
    content = read_file(folder, card.statistics)
    try:
        return LatentStatistics.read(content, card.latent_size)
    except ModelLoadError as error:
        raise ModelLoadError(f"{folder / card.statistics.file}: {error}") from error


def open_graph(
    folder: Path, graph: CardFile, tensors: dict[str, Shape]
) -> onnxruntime.InferenceSession:
    """Open a graph that is the file its card names and has just these inputs and outputs.

    Raises ModelLoadError, naming the file.
    """
    path = folder / graph.file
    content = read_file(folder, graph)
    try:
        session = onnxruntime.InferenceSession(
            content, session_options(), providers=["CPUExecutionProvider"]
        )
    except LOAD_ERRORS as error:
        raise ModelLoadError(
            f"{path} is not a graph that ONNX Runtime can run: {first_line(error)}"
        ) from error
    found = {
        tensor.name: tensor.shape
        for tensor in [*session.get_inputs(), *session.get_outputs()]
    }
    if found != tensors:
        raise ModelLoadError(
            f"{path} has the inputs and outputs {found}; its card asks for {tensors}"
        )
    return session


def first_line(error: Exception) -> str:
    """The first line of an error's message."""
    return str(error).partition("\n")[0]


def session_options() -> onnxruntime.SessionOptions:
    """One thread and no spinning.

    ONNX Runtime sizes its pool from the host, not from the container's quota, and its idle threads spin; a model of
    this size gains nothing from a second thread.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options
