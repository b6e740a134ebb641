"""Recipes of networks, measured on pictures that training does not see.

python -m benchmarks.networks FOLDER ... [--seeds N ...] [--steps N] [--recipes NAME ...]

Each folder of pictures is read and split as `vae-train create` does; "parts" stands for
made pictures (`benchmarks.aligned_parts`). Training uses one thread. Writes a line of
JSON for each run, with its processor time in seconds.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from benchmarks.aligned_parts import aligned_parts
from training.artifact.inference import TorchAutoencoder
from training.creation.create import default_fields, is_large_for_mlp
from training.data.data_set import DataSet
from training.data.folder import read_folder
from training.data.folder_options import FolderOptions
from training.data.image_format import ImageFormat
from training.evaluation.autoencoder_quality import autoencoder_quality
from training.fitting.checkpoint import objective_of, trained_model
from training.fitting.recipe import Recipe
from training.fitting.trainers import make_trainer

PARTS = "parts"
PARTS_SIDE = 64
CPU = torch.device("cpu")

# Batches and learning rate are those of conv.
# It diverges with 5e-3 for images of 64 x 64 pixels.
LARGE_MLP_RATE = 1.25e-3
MLP = {"network": "mlp", "batch_size": 32, "learning_rate": 5e-3}
# Fields that differ from those that `create` chooses for the network.
RECIPES: dict[str, dict[str, Any]] = {
    "conv": {},
    "Muon 2.5e-3": {"learning_rate": 2.5e-3},
    "Muon 1e-2": {"learning_rate": 1e-2},
    "Adam 1e-3": {"optimizer": "adam", "learning_rate": 1e-3},
    "Adam 3e-3": {"optimizer": "adam", "learning_rate": 3e-3},
    "C = 16": {"objective": "squared-error"},
    "channels 32": {"channels": 32},
    "dense 128": {"hidden_size": 128},
    "dense 256": {"hidden_size": 256},
    "latent 32": {"latent_size": 32},
    "latent 64": {"latent_size": 64},
    "averaging": {"averaging": 0.99},
    "jitter": {"jitter": True},
    "mlp": MLP,
    "mlp, Adam 1e-3": {**MLP, "optimizer": "adam", "learning_rate": 1e-3},
    "linear": {"network": "linear"},
}


def main() -> None:
    """Run each recipe on each set with each seed."""
    arguments = parse_arguments()
    torch.set_num_threads(1)
    for name in arguments.sets:
        data = read_set(name)
        for recipe_name in arguments.recipes:
            for recipe in recipes(recipe_name, data, arguments):
                row = {"set": data.name, "recipe": recipe_name}
                row |= measure(data, recipe)
                sys.stdout.write(json.dumps(row) + "\n")
                sys.stdout.flush()


def parse_arguments() -> argparse.Namespace:
    """Return the sets, recipes, seeds and steps asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("sets", nargs="+", metavar="FOLDER")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=2_000)
    parser.add_argument("--recipes", nargs="+", default=list(RECIPES), choices=RECIPES)
    return parser.parse_args()


def read_set(name: str) -> DataSet:
    """Return the data set of a folder, or the made parts."""
    if name != PARTS:
        return read_folder(Path(name), FolderOptions()).data
    return DataSet(
        name=PARTS,
        title="Made parts",
        source="benchmarks.aligned_parts",
        format=ImageFormat(3, PARTS_SIDE, PARTS_SIDE, "stretch"),
        class_names=(),
        train=aligned_parts(640, PARTS_SIDE, seed=0),
        calibration=aligned_parts(2, PARTS_SIDE, seed=1),
        test=aligned_parts(160, PARTS_SIDE, seed=2),
        normal=None,
        sha256={},
    )


def recipes(
    name: str, data: DataSet, arguments: argparse.Namespace
) -> Iterator[Recipe]:
    """Yield a named recipe with each seed, for the steps asked for."""
    changes = RECIPES[name]
    network = changes.get("network", "conv")
    recipe = Recipe(**default_fields(network, data) | changes)
    if network == "mlp":
        latent_size = default_fields("conv", data)["latent_size"]
        recipe = replace(recipe, latent_size=latent_size)
        if is_large_for_mlp(data):
            recipe = replace(recipe, learning_rate=LARGE_MLP_RATE)
    if network == "linear":
        yield recipe
        return
    epochs = max(1, round(arguments.steps * recipe.batch_size / len(data.train)))
    for seed in arguments.seeds:
        yield replace(recipe, epochs=epochs, seed=seed)


def measure(data: DataSet, recipe: Recipe) -> dict[str, Any]:
    """Train. Return the processor time in seconds, and measures of the test images."""
    started = time.process_time()
    trainer = make_trainer(data.train, recipe, CPU)
    list(trainer.epochs())
    seconds = time.process_time() - started
    with TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "checkpoint.pt"
        trainer.save(checkpoint)
        model, state = trained_model(checkpoint)
    network = TorchAutoencoder(model, objective_of(state))
    quality = autoencoder_quality(network, data.test)
    return {
        "seed": recipe.seed,
        "epochs": recipe.epochs,
        "seconds": seconds,
        "parameters": sum(each.numel() for each in model.parameters()),
    } | asdict(quality)


if __name__ == "__main__":
    main()
