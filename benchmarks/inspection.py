"""Inspection of solar cells and textures, compared with two simpler methods.

python -m benchmarks.inspection [SET ...] [--methods NAME ...] [--seeds N ...] [--steps N]

It needs the packages elpv-dataset, scikit-image and vision-anomaly of PyPI. Training
uses one thread. Writes a line of JSON for each run: the area under the ROC curve of
good and defective test images, and at the threshold of a false-alarm rate of 5 % and
1 %, which good images alone set, the recall and the false-alarm rate on good test
images.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from benchmarks.inspection_sets import DEFECTIVE, SET_NAMES, read_set
from training.artifact.inference import TorchAutoencoder
from training.creation.create import default_fields
from training.data.data_set import DataSet
from training.data.images import LabelledImages
from training.fitting.recipe import Recipe
from training.fitting.trainers import make_trainer
from training.inspection.anomaly_map import fit_anomaly_map
from training.inspection.threshold import RateError, calibrate_threshold
from training.network.build import NetworkName
from training.network.objective import Objective

CPU = torch.device("cpu")
RATES = (0.05, 0.01)
MIN_DEVIATION = 1 / 255  # of a pixel that hardly varies

Scores = NDArray[np.float64]
Scorer = Callable[[LabelledImages], Scores]
Method = Callable[[DataSet, argparse.Namespace, int], Scorer]


def vae(network: NetworkName, *, jitter: bool = False) -> Method:
    """Return the method of this package: maximum of the anomaly map of a network."""

    def fit(data: DataSet, arguments: argparse.Namespace, seed: int) -> Scorer:
        fields = default_fields(network, data)
        batch_size = fields.get("batch_size", Recipe().batch_size)
        epochs = max(1, round(arguments.steps * batch_size / len(data.train)))
        if network == "linear":
            epochs = 1
        fields |= {"network": network, "seed": seed, "jitter": jitter}
        recipe = Recipe(**fields | {"epochs": epochs})
        trainer = make_trainer(data.train, recipe, CPU)
        list(trainer.epochs())
        model = TorchAutoencoder(trainer.model.eval(), Objective("gaussian"))
        return map_scorer(model, data.train)

    return fit


def map_scorer(model: TorchAutoencoder, train: LabelledImages) -> Scorer:
    """Return a function to the maxima of maps, fitted to training images."""

    def reconstruct(pixels: torch.Tensor) -> torch.Tensor:
        latents, _ = model.encode(pixels.numpy())
        return torch.from_numpy(model.decode(latents))

    anomaly_map = fit_anomaly_map(train.pixels(), reconstruct(train.pixels()))

    def score(images: LabelledImages) -> Scores:
        pixels = images.pixels()
        maps = anomaly_map(pixels, reconstruct(pixels))
        scores: Scores = maps.amax(dim=(1, 2)).double().numpy()
        return scores

    return score


def gaussian(data: DataSet, _arguments: argparse.Namespace, _seed: int) -> Scorer:
    """Return the largest deviation of a pixel, in its standard deviations."""
    pixels = data.train.pixels()
    mean = pixels.mean(dim=0)
    deviation = pixels.std(dim=0).clamp(min=MIN_DEVIATION)

    def score(images: LabelledImages) -> Scores:
        deviations = ((images.pixels() - mean) / deviation).abs()
        scores: Scores = deviations.flatten(1).amax(dim=1).double().numpy()
        return scores

    return score


def vision_anomaly(data: DataSet, _arguments: argparse.Namespace, _seed: int) -> Scorer:
    """Return the score of the package vision-anomaly."""
    from vision_anomaly import Detector  # noqa: PLC0415 - only for this method

    detector = Detector()
    detector.fit(list(data.train.images[:, 0].numpy()))

    def score(images: LabelledImages) -> Scores:
        grey = images.images[:, 0].numpy()
        return np.array([detector.score(image) for image in grey])

    return score


METHODS: dict[str, Method] = {
    "vision-anomaly": vision_anomaly,
    "Gaussian a pixel": gaussian,
    "linear": vae("linear"),
    "conv": vae("conv"),
    "conv, jitter": vae("conv", jitter=True),
}
SEEDLESS = {"vision-anomaly", "Gaussian a pixel"}


def main() -> None:
    """Measure each method on each set, with each seed where it has one."""
    arguments = parse_arguments()
    torch.set_num_threads(1)
    for seed in arguments.seeds:
        for name in arguments.sets:
            data = read_set(name)
            for method in arguments.methods:
                if method in SEEDLESS and seed != arguments.seeds[0]:
                    continue
                row = {"set": name, "method": method, "seed": seed}
                row |= measure(data, method, arguments, seed)
                sys.stdout.write(json.dumps(row) + "\n")
                sys.stdout.flush()


def parse_arguments() -> argparse.Namespace:
    """Return the sets, methods, seeds and steps asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("sets", nargs="*", metavar="SET", default=list(SET_NAMES))
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=METHODS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=1_500)
    return parser.parse_args()


def measure(
    data: DataSet, method: str, arguments: argparse.Namespace, seed: int
) -> dict[str, Any]:
    """Fit a method and score all images; return the measures."""
    started = time.process_time()
    with torch.inference_mode(mode=False):
        scorer = METHODS[method](data, arguments, seed)
    seconds = time.process_time() - started
    calibration = scorer(data.calibration)
    scores = scorer(data.test)
    defective = (data.test.labels == DEFECTIVE).numpy()
    measures: dict[str, Any] = {"auroc": roc_auc_score(defective, scores)}
    for rate in RATES:
        try:
            threshold = calibrate_threshold(calibration, rate)
        except RateError:
            continue
        anomalous = scores > threshold.score
        measures[f"recall at {rate:g}"] = float(anomalous[defective].mean())
        measures[f"false alarms at {rate:g}"] = float(anomalous[~defective].mean())
    counts = [len(data.train), len(calibration), len(scores)]
    return measures | {"images": counts, "seconds": seconds}


if __name__ == "__main__":
    main()
