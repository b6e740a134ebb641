"""Inspection of images: the parts of their anomaly scores, and a threshold."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from training.artifact.anomaly import anomaly_scores
from training.artifact.inference import (
    BATCH_SIZE,
    TrainedAutoencoder,
    decode,
    encode,
    posterior_means,
)
from training.artifact.latent_statistics import LatentStatistics
from training.artifact.model_card import Card
from training.data.data_set import DataSet
from training.data.image_format import ImageFormat
from training.data.images import MAX_LEVEL, LabelledImages
from training.inspection.anomaly_map import AnomalyMap, fit_anomaly_map
from training.inspection.surprisal import Doubles, joined_scores
from training.inspection.threshold import (
    Threshold,
    calibrate_threshold,
    default_rate,
)

# map: largest value of the anomaly map. latent: -log of the latent's density under the
# mixtures, in nats. likelihood: reconstruction loss plus the same.
Part = Literal["map", "latent", "likelihood"]
PARTS: tuple[Part, ...] = get_args(Part)
# From pixels and their reconstruction to maps, as in AnomalyMap.
MapFunction = Callable[[Tensor, Tensor], Tensor]

# A part is one aligned in all images, and the map finds the place of its defect. Strokes
# of a pen have no place of their own: their latents and likelihood tell more.
PART_WEIGHTS: dict[Part, float] = {"map": 1.0}
INK_WEIGHTS: dict[Part, float] = {"map": 0.03, "latent": 0.1, "likelihood": 1.0}
DECILES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
MAX_VALUES = 2**25  # of the pixels that the map is fitted to: 128 MB


@dataclass(frozen=True, slots=True)
class Inspector:
    """An anomaly map, and the scores of calibration images.

    Attributes:
        anomaly_map: Fitted to training images.
        weights: Of each part of the score, in (0, 1].
        scores: float64 (parts, images), of calibration images.
        brightness_deciles: Of the mean brightness of calibration images; None if it
            does not tell the light.
    """

    anomaly_map: AnomalyMap
    weights: Mapping[Part, float]
    scores: Doubles
    brightness_deciles: list[float] | None

    def threshold(self) -> Threshold:
        """Return the threshold of the default false-alarm rate."""
        weights = list(self.weights.values())
        scores = joined_scores(self.scores, self.scores, weights)
        return calibrate_threshold(scores, default_rate(len(scores)))

    def to_card(self, group: str | None) -> Card:
        """Return the card's description, not measured yet.

        group: the pattern that names groups of images; None if there are none.
        """
        threshold = self.threshold()
        return {
            "parts": list(self.weights),
            "weights": list(self.weights.values()),
            "images": threshold.images,
            "false_alarm_rate": threshold.rate,
            "threshold": threshold.score,
            "interval": list(threshold.interval),
            "brightness_deciles": self.brightness_deciles,
            "group": group,
            "quality": None,
        }


def part_weights(image_format: ImageFormat) -> dict[Part, float]:
    """Return the weights of the score's parts for images of a format."""
    return INK_WEIGHTS if image_format.fit == "ink" else PART_WEIGHTS


def fit_inspector(
    model: TrainedAutoencoder,
    statistics: LatentStatistics,
    train: LabelledImages,
    data: DataSet,
) -> Inspector:
    """Fit the map to training images; score calibration images, which are not among them.

    train: the data set's training images that the model was fitted to. Many are
        represented by random ones.
    """
    weights = part_weights(data.format)
    most = max(2, MAX_VALUES // math.prod(train.image_shape))
    fitted = train.random_part(most)
    reconstructions = decode(model, posterior_means(model, fitted))
    # Among images of one kind of thing, brightness tells the light. A dark garment beside
    # a bright one, or a thick stroke beside a thin one, is another thing.
    relative = data.format.fit != "ink" and not train.has_classes
    anomaly_map = fit_anomaly_map(fitted.pixels(), reconstructions, relative=relative)
    every = part_scores(model, statistics, anomaly_map, data.calibration)
    scores = np.stack([every[part] for part in weights])
    deciles = brightness_deciles(data.calibration) if relative else None
    return Inspector(anomaly_map, weights, scores, deciles)


def brightness_deciles(images: LabelledImages) -> list[float]:
    """Return the nine deciles of the images' mean brightness, in [0, 1].

    They show later whether the light has changed, which a map of relative residuals
    does not.
    """
    means = [
        batch.double().mean(dim=(1, 2, 3)) for batch in images.images.split(BATCH_SIZE)
    ]
    brightness = torch.cat(means).numpy() / MAX_LEVEL
    deciles: list[float] = np.quantile(brightness, DECILES).tolist()
    return deciles


def part_scores(
    model: TrainedAutoencoder,
    statistics: LatentStatistics,
    anomaly_map: MapFunction,
    images: LabelledImages,
) -> dict[Part, Doubles]:
    """Return each part's scores of images, float64 (count,)."""
    batches = []
    for levels in images.images.split(BATCH_SIZE):
        pixels = levels.float() / MAX_LEVEL
        scores, _ = score_batch(model, statistics, anomaly_map, pixels)
        batches.append(scores)
    joined = {}
    for part in PARTS:
        joined[part] = np.concatenate([scores[part] for scores in batches])
    return joined


@torch.inference_mode()
def score_batch(
    model: TrainedAutoencoder,
    statistics: LatentStatistics,
    anomaly_map: MapFunction,
    pixels: Tensor,
) -> tuple[dict[Part, Doubles], Tensor]:
    """Return each part's scores of a batch, float64 (batch,), and the anomaly maps.

    pixels: float32 (batch, channels, height, width) in [0, 1].
    """
    mean, _ = encode(model, pixels)
    reconstruction = decode(model, mean)
    maps = anomaly_map(pixels, reconstruction)
    map_scores = maps.amax(dim=(1, 2)).double()
    log_densities = statistics.class_log_densities(mean)
    latent = -log_densities.logsumexp(dim=1)
    loss = model.objective.loss_of_decoded(pixels, reconstruction)
    likelihood = anomaly_scores(loss, log_densities)
    scores: dict[Part, Doubles] = {
        "map": map_scores.numpy(),
        "latent": latent.numpy(),
        "likelihood": likelihood.numpy(),
    }
    return scores, maps
