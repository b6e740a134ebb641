"""From a checkpoint to the folder that the service reads: graphs that agree with PyTorch, statistics, and the card."""

import base64
import hashlib
import io
import logging
import warnings
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from PIL import Image
from rich.progress import track
from torch import Tensor, nn

from training.artifact.anomaly import calibrate
from training.artifact.exported_model import (
    DECODER_FILE,
    ENCODER_FILE,
    FORMAT_VERSION,
    ModelError,
    architecture,
    open_session,
    write_card,
)
from training.artifact.latent_statistics import STATISTICS_FILE, LatentStatistics, fit
from training.artifact.model_card import write_measures
from training.data.digits import Digits
from training.data.mnist import DataSource
from training.files import create_writable_folder, write_file
from training.fitting.checkpoint import trained_model
from training.network.mlp import VAE
from training.network.objective import Objective

PARITY_BATCHES = (1, 2, 7, 64, 1000)
PARITY_TOLERANCE = 1e-5
EXAMPLE_COUNT = 2


def export(
    checkpoint: Path, folder: Path, source: DataSource, train: Digits, test: Digits
) -> float:
    """Write the checkpoint's averaged weights to ``folder`` as encoder.onnx, decoder.onnx and model.json.

    Beside them go the samplers, fitted to those of the digits ``train`` that the model was fitted to, and calibrated
    on every second digit of ``test``. Gives the largest difference between the graphs and PyTorch over ``test``.
    Raises TrainingError for a bad checkpoint, and ModelError, with nothing written, if the difference exceeds
    ``PARITY_TOLERANCE``.
    """
    model, state = trained_model(checkpoint)
    encoder, decoder = encoder_graph(model), decoder_graph(model)
    difference = largest_difference(model, encoder, decoder, test.pixels())
    if not difference <= PARITY_TOLERANCE:
        raise ModelError(
            f"the graphs differ from PyTorch by {difference:.1e}, more than {PARITY_TOLERANCE:.0e}"
        )
    create_writable_folder(folder)
    graphs = {
        ENCODER_FILE: encoder.SerializeToString(),
        DECODER_FILE: decoder.SerializeToString(),
    }
    calibration, _ = test.halves()
    recipe = state["recipe"]
    objective = Objective(recipe.objective, recipe.c)
    statistics = statistics_of(
        model, objective, train.first(state["images"]), calibration
    ).to_bytes()
    card = {
        **describe(folder.resolve().name, model, encoder, decoder, state),
        "data": {
            "name": source.name,
            "training_images": state["images"],
            "sha256": dict(source.files),
        },
        "quality": None,
        "graphs": {
            Path(name).stem: entry(name, content) for name, content in graphs.items()
        },
        "statistics": entry(STATISTICS_FILE, statistics),
        "examples": [png_base64(image) for image in test.images[:EXAMPLE_COUNT, 0]],
    }
    for name, content in {**graphs, STATISTICS_FILE: statistics}.items():
        write_file(folder / name, content)
    write_card(
        folder, card
    )  # after them: until then the old card's hashes tell that the folder is not whole
    write_measures(folder, card)
    return difference


def statistics_of(
    model: VAE, objective: Objective, digits: Digits, calibration: Digits
) -> LatentStatistics:
    """Where the digits lie in the model's latent space, and what is usual among digits that it was not fitted to."""
    with torch.inference_mode():
        mean, log_variance = model.encoder(digits.pixels())
        others, _ = model.encoder(calibration.pixels())
        loss = objective.loss_of_decoded(calibration.pixels(), model.decoder(others))
    statistics = fit(mean.numpy(), log_variance.numpy(), digits.labels.numpy())
    return calibrate(statistics, loss, others, calibration.labels)


def entry(name: str, content: bytes) -> dict[str, str]:
    """What the card says of a file."""
    return {"file": name, "sha256": hashlib.sha256(content).hexdigest()}


def describe(
    name: str,
    model: VAE,
    encoder: onnx.ModelProto,
    decoder: onnx.ModelProto,
    state: dict[str, Any],
) -> dict[str, Any]:
    """What the card says of the model and of how it was trained."""
    layers = architecture(encoder, decoder)
    recipe = asdict(state["recipe"])
    objective, c, samples = (
        recipe.pop("objective"),
        recipe.pop("c"),
        recipe.pop("importance_samples"),
    )
    return {
        "format_version": FORMAT_VERSION,
        "name": name,
        "image_shape": list(model.image_shape),
        "latent_size": model.latent_size,
        "parameters": layers.parameters,
        "architecture": layers.to_card(),
        "objective": {
            "name": objective,
            "c": c if objective == "squared-error" else None,
            **(
                {"importance_samples": samples}
                if objective == "importance-weighted"
                else {}
            ),
        },
        "training": recipe,
    }


def encoder_graph(model: VAE) -> onnx.ModelProto:
    """The encoder as an ONNX graph, see ``training.artifact.exported_model``."""
    return to_onnx(
        model.encoder,
        torch.zeros(2, *model.image_shape),
        "pixels",
        ["mean", "log_variance"],
    )


def decoder_graph(model: VAE) -> onnx.ModelProto:
    """The decoder as an ONNX graph, see ``training.artifact.exported_model``."""
    return to_onnx(
        model.decoder, torch.zeros(2, model.latent_size), "latent", ["pixels"]
    )


def to_onnx(
    module: nn.Module, example: Tensor, input_name: str, output_names: list[str]
) -> onnx.ModelProto:
    """Trace a module with a dynamic batch axis. The example's batch must be 2 or more, or its size is frozen in."""
    logging.getLogger("torch.onnx").setLevel(
        logging.ERROR
    )  # it warns of torchvision, which nothing here needs
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", FutureWarning
        )  # PyTorch's exporter uses a deprecated name of PyTorch's own
        program = torch.onnx.export(
            module,
            (example,),
            input_names=[input_name],
            output_names=output_names,
            dynamic_shapes=({0: "batch"},),
            external_data=False,
            verbose=False,
        )
    if program is None:
        raise ModelError("PyTorch gave no ONNX program")
    return without_debug_info(program.model_proto)


def without_debug_info(graph: onnx.ModelProto) -> onnx.ModelProto:
    """Drop what the exporter notes on each node: stack traces, with the paths of the machine that exported."""
    for part in [
        graph,
        graph.graph,
        *graph.graph.node,
        *graph.graph.value_info,
        *graph.graph.initializer,
    ]:
        del part.metadata_props[:]
    return graph


def largest_difference(
    model: VAE, encoder: onnx.ModelProto, decoder: onnx.ModelProto, pixels: Tensor
) -> float:
    """The largest absolute difference of any output between graphs and PyTorch, over all pixels in each batch size."""
    encoder_session, decoder_session = (
        open_session(graph.SerializeToString()) for graph in (encoder, decoder)
    )

    def differences(batch: Tensor) -> Iterator[float]:
        mean, log_variance = model.encoder(batch)
        for ours, theirs in zip(
            (mean, log_variance, model.decoder(mean)),
            (
                *encoder_session.run(
                    ["mean", "log_variance"], {"pixels": batch.numpy()}
                ),
                *decoder_session.run(["pixels"], {"latent": mean.numpy()}),
            ),
            strict=True,
        ):
            yield float(np.abs(ours.numpy() - theirs).max())

    with torch.inference_mode():
        batches = [
            batch for batch_size in PARITY_BATCHES for batch in pixels.split(batch_size)
        ]
        return max(
            difference
            for batch in track(batches, description="comparing with PyTorch")
            for difference in differences(batch)
        )


def png_base64(image: Tensor) -> str:
    """A uint8 image (height, width) as a base64 PNG."""
    content = io.BytesIO()
    Image.fromarray(image.numpy()).save(content, format="PNG", optimize=True)
    return base64.b64encode(content.getvalue()).decode("ascii")
