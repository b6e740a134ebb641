"""False-alarm rates of thresholds on images that nothing was fitted to.

python -m benchmarks.false_alarms FOLDER ... [--splits N] [--rates RATE ...]

The linear network and its anomaly map are fitted to 40 % of each folder's pictures;
"parts" stands for made pictures (`benchmarks.aligned_parts`). The rest is split at
random, again and again: 200 pictures set the threshold, the others are tested. Writes a
line of JSON for each set and rate: the share of splits whose rate is in the 95 %
interval, the share whose number of false alarms is in the 95 % interval of that number,
and the mean rate.

The first interval is of the rate on endlessly many pictures, which no test set shows: its
own chance is added to it. Of M tested pictures, the number has the beta-binomial
distribution with the parameters M, k and N + 1 - k, if the order of all is random.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import betabinom

from benchmarks.aligned_parts import aligned_parts
from training.data.folder import read_folder
from training.data.folder_options import FolderOptions
from training.data.images import LabelledImages
from training.fitting.linear import fit_linear
from training.inspection.anomaly_map import AnomalyMap, fit_anomaly_map
from training.inspection.threshold import INTERVAL, calibrate_threshold
from training.network.linear import LinearVAE

PARTS = "parts"
PARTS_SIDE, PARTS_COUNT = 64, 4_000
LATENT_SIZE = 32
MAX_IMAGES = 10_000
TRAIN_SHARE = 0.4
CALIBRATION_COUNT = 200  # few, so that the tested ones add little noise
BATCH_SIZE = 500

Scores = NDArray[np.float64]


def main() -> None:
    """Measure each set at each rate."""
    arguments = parse_arguments()
    torch.set_num_threads(1)
    for name in arguments.sets:
        scores = untouched_scores(read_images(name))
        for rate in arguments.rates:
            row = {"set": Path(name).name} | measure(scores, rate, arguments.splits)
            sys.stdout.write(json.dumps(row) + "\n")
            sys.stdout.flush()


def parse_arguments() -> argparse.Namespace:
    """Return the sets, the number of splits and the rates asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("sets", nargs="+", metavar="FOLDER")
    parser.add_argument("--splits", type=int, default=4000)
    parser.add_argument("--rates", type=float, nargs="+", default=[0.01, 0.05])
    return parser.parse_args()


def read_images(name: str) -> LabelledImages:
    """Return random images of a folder, or made parts, in random order."""
    if name == PARTS:
        return aligned_parts(PARTS_COUNT, PARTS_SIDE, seed=0)
    data = read_folder(Path(name), FolderOptions()).data
    parts = (data.train, data.calibration, data.test)
    images = torch.cat([part.images for part in parts])
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(len(images), generator=generator)[:MAX_IMAGES]
    return LabelledImages(images[order], torch.zeros(len(order), dtype=torch.int64))


def untouched_scores(images: LabelledImages) -> Scores:
    """Return the scores of the images that the network was not fitted to."""
    count = int(TRAIN_SHARE * len(images))
    train = images.first(count)
    network = fit_linear(train, LATENT_SIZE)
    pixels = train.pixels()
    anomaly_map = fit_anomaly_map(pixels, reconstruct(network, pixels))
    rest = images.after(count).images.split(BATCH_SIZE)
    batches = [map_scores(network, anomaly_map, levels) for levels in rest]
    return np.concatenate(batches)


@torch.inference_mode()
def reconstruct(network: LinearVAE, pixels: torch.Tensor) -> torch.Tensor:
    """Return the reconstructions of pixels from their posterior means."""
    mean, _ = network.encoder(pixels)
    reconstructions: torch.Tensor = network.decoder(mean)
    return reconstructions


@torch.inference_mode()
def map_scores(
    network: LinearVAE, anomaly_map: AnomalyMap, levels: torch.Tensor
) -> Scores:
    """Return the largest value of each image's map."""
    pixels = levels.float() / 255
    maps = anomaly_map(pixels, reconstruct(network, pixels))
    scores: Scores = maps.amax(dim=(1, 2)).double().numpy()
    return scores


def measure(scores: Scores, rate: float, splits: int) -> dict[str, float]:
    """Return the shares of splits within both intervals, and the mean rate."""
    within = expected = 0
    tested = len(scores) - CALIBRATION_COUNT
    rates = []
    for split in range(splits):
        shuffled = np.random.default_rng(split).permutation(scores)
        threshold = calibrate_threshold(shuffled[:CALIBRATION_COUNT], rate)
        alarms = int(np.sum(shuffled[CALIBRATION_COUNT:] > threshold.score))
        realised = alarms / tested
        low, high = threshold.interval
        within += low <= realised <= high
        fewest, most = alarm_interval(rate, tested)
        expected += fewest <= alarms <= most
        rates.append(realised)
    return {
        "rate": rate,
        "test_images": tested,
        "splits": splits,
        "within": within / splits,
        "number_within": expected / splits,
        "mean_rate": float(np.mean(rates)),
    }


def alarm_interval(rate: float, tested: int) -> tuple[int, int]:
    """Return the 95 % interval of the number of false alarms among tested images."""
    place = int(rate * (CALIBRATION_COUNT + 1))
    low, high = betabinom.ppf(INTERVAL, tested, place, CALIBRATION_COUNT + 1 - place)
    return int(low), int(high)


if __name__ == "__main__":
    main()
