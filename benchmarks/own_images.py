"""Networks on folders of pictures, with all of the figures of a model's card.

python -m benchmarks.own_images FOLDER ... [--networks NAME ...] [--seeds N ...]
    [--steps N]

Each folder is read and split as `vae-train create` does, and each network trained with
the recipe that `create` has for it. All networks of a folder are measured with the same
classifier. Training uses one thread. Writes a line of JSON for each run.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from benchmarks.networks import CPU, read_set, recipes
from training.artifact.anomaly import fit_calibrated
from training.artifact.inference import TorchAutoencoder
from training.data.data_set import DataSet
from training.evaluation.classifier import Classifier
from training.evaluation.data_set_quality import (
    latent_quality,
    make_classifier,
    measurable_images,
)
from training.evaluation.image_sets import (
    MIXTURE_SAMPLES,
    PRIOR_SAMPLES,
    RECONSTRUCTIONS,
    TRAINING_IMAGES,
)
from training.evaluation.model_quality import Quality, model_quality
from training.fitting.checkpoint import objective_of, trained_model
from training.fitting.recipe import Recipe
from training.fitting.trainers import make_trainer

NETWORKS = ("conv", "mlp", "linear")
FIGURES = (
    "test_images",
    "squared_error_per_pixel",
    "structural_similarity",
    "kl_divergence",
    "active_units",
    "knn_accuracy",
    "linear_probe_accuracy",
)
MEASURED_SETS = (RECONSTRUCTIONS, MIXTURE_SAMPLES, PRIOR_SAMPLES)


def main() -> None:
    """Measure each network on each folder with each seed."""
    arguments = parse_arguments()
    torch.set_num_threads(1)
    for name in arguments.sets:
        data = read_set(name)
        classifier = make_classifier(data)
        for network in arguments.networks:
            for recipe in recipes(network, data, arguments):
                row = {"set": data.name, "network": network}
                row |= measure(data, recipe, classifier)
                sys.stdout.write(json.dumps(row) + "\n")
                sys.stdout.flush()


def parse_arguments() -> argparse.Namespace:
    """Return the folders, networks, seeds and steps asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("sets", nargs="+", metavar="FOLDER")
    parser.add_argument("--networks", nargs="+", default=NETWORKS, choices=NETWORKS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=2_000)
    return parser.parse_args()


def measure(data: DataSet, recipe: Recipe, classifier: Classifier) -> dict[str, Any]:
    """Train. Return the processor time in seconds, and measures of the test images."""
    started = time.process_time()
    network = train(data, recipe)
    seconds = time.process_time() - started
    statistics = fit_calibrated(network, data.train, data.calibration)
    test = measurable_images(data)
    quality = model_quality(network, statistics, data.train, test, classifier)
    quality |= latent_quality(network, statistics, test, data.class_names)
    measured = {
        "seed": recipe.seed,
        "epochs": recipe.epochs,
        "seconds": round(seconds),
    }
    return measured | summary(quality)


def train(data: DataSet, recipe: Recipe) -> TorchAutoencoder:
    """Train a network; return it with the weights that an export would have."""
    trainer = make_trainer(data.train, recipe, CPU)
    list(trainer.epochs())
    with TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "checkpoint.pt"
        trainer.save(checkpoint)
        model, state = trained_model(checkpoint)
    return TorchAutoencoder(model, objective_of(state))


def summary(quality: Quality) -> dict[str, Any]:
    """Return the figures of one row. Fréchet distances are in real-versus-real ones."""
    figures = {name: quality[name] for name in FIGURES}
    figures["class_accuracy"] = quality["anomalies"].get("classification_accuracy")
    images = quality["image_sets"]
    real = images[TRAINING_IMAGES]["frechet_distance"]
    for name in MEASURED_SETS:
        distance = images[name]["frechet_distance"]
        figures[f"relative Fréchet distance, {name}"] = distance / real
    return figures


if __name__ == "__main__":
    main()
