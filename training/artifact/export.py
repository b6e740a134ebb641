"""Export of a checkpoint to the model's folder, which the service reads."""

import base64
import io
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import onnx
from PIL import Image
from torch import Tensor

from training.artifact.anomaly import fit_calibrated
from training.artifact.architecture import Architecture, read_architecture
from training.artifact.inference import TorchAutoencoder
from training.artifact.latent_statistics import STATISTICS_FILE, LatentStatistics
from training.artifact.model_card import (
    FORMAT_VERSION,
    Card,
    ModelError,
    file_entry,
    write_card,
)
from training.artifact.onnx_graphs import decoder_graph, encoder_graph
from training.artifact.parity import max_difference
from training.artifact.readme import NOT_MEASURED, write_measures
from training.data.image_format import ImageFormat
from training.data.images import LabelledImages
from training.data.mnist import DataSource
from training.files import create_writable_folder, write_file
from training.fitting.checkpoint import trained_model
from training.network.mlp import VAE
from training.network.objective import Objective

Files = dict[str, bytes]  # content by name
State = dict[str, Any]  # of a checkpoint

ENCODER_FILE = "encoder.onnx"
DECODER_FILE = "decoder.onnx"
PARITY_TOLERANCE = 1e-5
EXAMPLE_COUNT = 2
VERSION = "1"  # of a model that is exported for the first time
COLORS = {1: "grey", 3: "sRGB"}  # by the number of channels


def export(
    checkpoint: Path,
    folder: Path,
    source: DataSource,
    train: LabelledImages,
    test: LabelledImages,
) -> float:
    """Export the averaged weights of a checkpoint to ``folder``.

    Write encoder.onnx, decoder.onnx, statistics.npz and model.json. Return the largest
    difference between the graphs and PyTorch over ``test``. Raise TrainingError for a
    bad checkpoint, and ModelError, before anything is written, if the difference
    exceeds ``PARITY_TOLERANCE``.
    """
    model, state = trained_model(checkpoint)
    encoder, decoder = encoder_graph(model), decoder_graph(model)
    difference = check_parity(model, encoder, decoder, test)
    create_writable_folder(folder)
    statistics = fit_statistics(model, state, train, test)
    files = {
        ENCODER_FILE: encoder.SerializeToString(),
        DECODER_FILE: decoder.SerializeToString(),
        STATISTICS_FILE: statistics.to_bytes(),
    }
    layers = read_architecture(encoder, decoder)
    name = folder.resolve().name
    card = describe_model(name, model, layers, state)
    card |= describe_images(source.format)
    card |= describe_labels(source.class_names, train.first(state["images"]))
    card |= describe_data(source, state, test)
    card |= describe_files(files)
    card |= describe_examples(test)
    write_model(folder, files, card)
    return difference


def check_parity(
    model: VAE,
    encoder: onnx.ModelProto,
    decoder: onnx.ModelProto,
    test: LabelledImages,
) -> float:
    """Return the largest difference between the graphs and PyTorch.

    Raise ModelError if it exceeds ``PARITY_TOLERANCE`` or is NaN.
    """
    difference = max_difference(model, encoder, decoder, test.pixels())
    if not difference <= PARITY_TOLERANCE:
        raise ModelError(
            f"the graphs differ from PyTorch by {difference:.1e}, "
            f"more than {PARITY_TOLERANCE:.0e}"
        )
    return difference


def fit_statistics(
    model: VAE,
    state: State,
    train: LabelledImages,
    test: LabelledImages,
) -> LatentStatistics:
    """Fit the latent mixtures and calibrate the anomaly score.

    The mixtures are fitted to those digits of ``train`` that the model was fitted to,
    the calibration to every second digit of ``test``.
    """
    recipe = state["recipe"]
    objective = Objective(recipe.objective, recipe.c)
    fitted = train.first(state["images"])
    calibration, _ = test.halves()
    autoencoder = TorchAutoencoder(model, objective)
    return fit_calibrated(autoencoder, fitted, calibration)


def describe_model(
    name: str,
    model: VAE,
    layers: Architecture,
    state: State,
) -> Card:
    """Return the card's description of the network and of its training."""
    recipe = asdict(state["recipe"])
    return {
        "format_version": FORMAT_VERSION,
        "name": name,
        "version": VERSION,
        "licence": None,
        "latent_size": model.latent_size,
        "parameters": layers.parameters,
        "layers": layers.to_card(),
        "objective": pop_objective(recipe),
        "training": recipe,
        "cost": {
            "multiply_adds": layers.multiply_adds(),
            "milliseconds_per_image": None,
        },
    }


def describe_images(image_format: ImageFormat) -> Card:
    """Return the card's description of the images, and of the way to bring others to it."""
    background = image_format.background
    return {
        "image": {
            "channels": image_format.channels,
            "height": image_format.height,
            "width": image_format.width,
            "color": COLORS[image_format.channels],
        },
        "fit": {
            "method": image_format.fit,
            "background": None if background is None else list(background),
            "resampling": "hamming" if image_format.fit == "ink" else "lanczos",
        },
    }


def describe_labels(class_names: Sequence[str], fitted: LabelledImages) -> Card:
    """Return the card's classes: names, and numbers of images the model was fitted to."""
    counts = fitted.labels.bincount(minlength=len(class_names)).tolist()
    labels = [
        {"name": name, "images": count}
        for name, count in zip(class_names, counts, strict=False)
    ]
    return {"labels": labels}


def pop_objective(recipe: dict[str, Any]) -> Card:
    """Remove the objective's fields from a recipe; return those that it uses."""
    name = recipe.pop("objective")
    c = recipe.pop("c")
    importance_samples = recipe.pop("importance_samples")
    objective = {"name": name, "c": None}
    if name == "squared-error":
        objective["c"] = c
    if name == "importance-weighted":
        objective["importance_samples"] = importance_samples
    return objective


def describe_data(source: DataSource, state: State, test: LabelledImages) -> Card:
    """Return the card's description of the data; the quality is not yet measured."""
    calibration, others = test.halves()
    images = {
        "train": state["images"],
        "calibration": len(calibration),
        "test": len(others),
    }
    described: Card = {
        "name": source.name,
        "source": source.origin,
        "images": images,
        "sha256": dict(source.files),
        "licence": None,
        "skipped": [],
    }
    return {"title": source.title, "data": described, "quality": None}


def describe_files(files: Files) -> Card:
    """Return the card's entries of the graphs and of the statistics."""
    entries = {name: file_entry(name, files[name]) for name in files}
    return {
        "graphs": {
            "encoder": entries[ENCODER_FILE],
            "decoder": entries[DECODER_FILE],
        },
        "statistics": entries[STATISTICS_FILE],
    }


def describe_examples(images: LabelledImages) -> Card:
    """Return the card's example images: the first ones, as base64 PNGs."""
    examples = images.images[:EXAMPLE_COUNT]
    return {"examples": [png_base64(image) for image in examples]}


def write_model(
    folder: Path,
    files: Files,
    card: Card,
) -> None:
    """Write the files and the card, and remove an earlier model's measures."""
    for name, content in files.items():
        write_file(folder / name, content)
    # Last: until then the hashes in an earlier card show that the folder is incomplete.
    write_card(folder, card)
    write_measures(folder, NOT_MEASURED)


def png_base64(image: Tensor) -> str:
    """Return a uint8 image (channels, height, width) as a base64 PNG."""
    content = io.BytesIO()
    levels = image.movedim(0, 2).numpy()
    if len(image) == 1:
        levels = levels[:, :, 0]
    picture = Image.fromarray(levels)
    picture.save(content, format="PNG", optimize=True)
    encoded = base64.b64encode(content.getvalue())
    return encoded.decode("ascii")
