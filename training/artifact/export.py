"""Export of a checkpoint to the model's folder, which the service reads."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import onnx

from training.artifact.anomaly import fit_calibrated
from training.artifact.architecture import Architecture, read_architecture
from training.artifact.data_card import (
    describe_data,
    describe_examples,
    describe_images,
    describe_labels,
)
from training.artifact.inference import (
    TorchAutoencoder,
    decode,
    posterior_means,
)
from training.artifact.latent_statistics import STATISTICS_FILE, LatentStatistics
from training.artifact.model_card import (
    FORMAT_VERSION,
    Card,
    ModelError,
    file_entry,
    write_card,
)
from training.artifact.onnx_graphs import (
    decoder_graph,
    encoder_graph,
    inspector_graph,
)
from training.artifact.parity import map_difference, max_difference, max_or_nan
from training.artifact.readme import NOT_MEASURED, write_measures
from training.data.data_set import DataSet
from training.data.images import LabelledImages
from training.files import create_writable_folder, write_file
from training.fitting.checkpoint import objective_of, trained_model
from training.inspection.anomaly_map import AnomalyMap
from training.inspection.inspector import Inspector, fit_inspector
from training.network.build import Network

Files = dict[str, bytes]  # content by name
State = dict[str, Any]  # of a checkpoint

ENCODER_FILE = "encoder.onnx"
DECODER_FILE = "decoder.onnx"
INSPECTOR_FILE = "inspector.onnx"
PARITY_TOLERANCE = 1e-5
COMPARED_IMAGES = 1000  # random ones of calibration and of test
VERSION = "1"  # of a model that is exported for the first time


def export(
    checkpoint: Path,
    folder: Path,
    data: DataSet,
) -> float:
    """Export the averaged weights of a checkpoint to ``folder``.

    Write encoder.onnx, decoder.onnx, inspector.onnx, statistics.npz and model.json.
    Return the largest difference between the graphs and PyTorch over images that
    training does not use.
    Raise TrainingError for a bad checkpoint, and ModelError, before anything is
    written, if the difference exceeds ``PARITY_TOLERANCE``.
    """
    model, state = trained_model(checkpoint)
    encoder, decoder = encoder_graph(model), decoder_graph(model)
    difference = check_parity(model, encoder, decoder, data)
    create_writable_folder(folder)
    fitted = data.train.first(state["images"])
    autoencoder = TorchAutoencoder(model, objective_of(state))
    inspector, statistics = fit_scores(autoencoder, fitted, data)
    anomaly_map = checked_map_graph(autoencoder, inspector.anomaly_map, data)
    files = {
        ENCODER_FILE: encoder.SerializeToString(),
        DECODER_FILE: decoder.SerializeToString(),
        INSPECTOR_FILE: anomaly_map.SerializeToString(),
        STATISTICS_FILE: statistics.to_bytes(),
    }
    layers = read_architecture(encoder, decoder)
    name = folder.resolve().name
    card = describe_model(name, model, layers, state)
    card |= describe_images(data.format)
    card |= describe_labels(data.class_names, fitted)
    card |= describe_data(data, fitted)
    card |= {"inspection": inspector.to_card(data.group)}
    card |= describe_files(files)
    card |= describe_examples(data)
    write_model(folder, files, card)
    return difference


def check_parity(
    model: Network,
    encoder: onnx.ModelProto,
    decoder: onnx.ModelProto,
    data: DataSet,
) -> float:
    """Return the largest difference between the graphs and PyTorch.

    Raise ModelError if it exceeds ``PARITY_TOLERANCE`` or is NaN.
    """
    differences = []
    for part in (data.calibration, data.test):
        pixels = part.random_part(COMPARED_IMAGES).pixels()
        differences.append(max_difference(model, encoder, decoder, pixels))
    difference = max_or_nan(differences)
    check_difference(difference)
    return difference


def fit_scores(
    autoencoder: TorchAutoencoder,
    fitted: LabelledImages,
    data: DataSet,
) -> tuple[Inspector, LatentStatistics]:
    """Fit the anomaly map and the latent mixtures; calibrate the scores of both."""
    statistics = fit_calibrated(autoencoder, fitted, data.calibration)
    inspector = fit_inspector(autoencoder, statistics, fitted, data)
    statistics = replace(statistics, inspection_scores=inspector.scores)
    return inspector, statistics


def checked_map_graph(
    autoencoder: TorchAutoencoder,
    anomaly_map: AnomalyMap,
    data: DataSet,
) -> onnx.ModelProto:
    """Return the anomaly map's graph. Raise ModelError if it differs from PyTorch."""
    graph = inspector_graph(anomaly_map)
    images = data.calibration.random_part(COMPARED_IMAGES)
    reconstruction = decode(autoencoder, posterior_means(autoencoder, images))
    difference = map_difference(anomaly_map, graph, images.pixels(), reconstruction)
    check_difference(difference)
    return graph


def check_difference(difference: float) -> None:
    """Raise ModelError for a difference above ``PARITY_TOLERANCE``, or NaN."""
    if not difference <= PARITY_TOLERANCE:
        raise ModelError(
            f"the graphs differ from PyTorch by {difference:.1e}, "
            f"more than {PARITY_TOLERANCE:.0e}"
        )


def describe_model(
    name: str,
    model: Network,
    layers: Architecture,
    state: State,
) -> Card:
    """Return the card's description of the network and of its training."""
    recipe = asdict(state["recipe"])
    if recipe["network"] != "conv":
        del recipe["channels"]
    return {
        "format_version": FORMAT_VERSION,
        "name": name,
        "version": VERSION,
        "licence": None,
        "latent_size": model.latent_size,
        "parameters": layers.parameters,
        "layers": layers.to_card(),
        "objective": pop_objective(recipe, state["variance"]),
        "training": recipe,
        "cost": {
            "multiply_adds": layers.multiply_adds(),
            "milliseconds_per_image": None,
        },
    }


def pop_objective(recipe: dict[str, Any], variance: float) -> Card:
    """Remove the objective's fields from a recipe; return those that it uses."""
    name = recipe.pop("objective")
    c = recipe.pop("c")
    importance_samples = recipe.pop("importance_samples")
    objective = {"name": name, "c": None}
    if name == "squared-error":
        objective["c"] = c
    if name == "gaussian":
        objective["variance"] = variance
    if name == "importance-weighted":
        objective["importance_samples"] = importance_samples
    return objective


def describe_files(files: Files) -> Card:
    """Return the card's entries of the graphs and of the statistics."""
    entries = {name: file_entry(name, files[name]) for name in files}
    return {
        "graphs": {
            "encoder": entries[ENCODER_FILE],
            "decoder": entries[DECODER_FILE],
            "inspector": entries[INSPECTOR_FILE],
        },
        "statistics": entries[STATISTICS_FILE],
    }


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
