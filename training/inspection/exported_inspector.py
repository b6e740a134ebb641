"""The inspector of an exported model, from the model's files alone."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.artifact.exported_model import ExportedModel, open_session
from training.artifact.latent_statistics import read_statistics
from training.artifact.model_card import ModelError, read_file
from training.inspection.inspector import Part, score_batch
from training.inspection.surprisal import (
    Doubles,
    joined_scores,
    weighted_surprisals,
)
from training.inspection.threshold import Threshold, calibrate_threshold


@dataclass(frozen=True, slots=True)
class Inspections:
    """Results of a batch of images.

    Attributes:
        scores: float64 (batch,).
        reasons: Part of the score with the largest surprisal, of each image.
        maps: float32 (batch, height, width), 0 or more.
    """

    scores: Doubles
    reasons: list[Part]
    maps: NDArray[np.float32]


class ExportedInspector:
    """Scores and maps of images, and thresholds of false-alarm rates."""

    def __init__(self, model: ExportedModel) -> None:
        """Read the inspector of a model.

        Raise ModelError if the model has none.
        """
        entry = model.card["graphs"].get("inspector")
        self._model = model
        self._statistics = read_statistics(model)
        calibration = self._statistics.inspection_scores
        if entry is None or calibration is None:
            raise ModelError(f"{model.folder} has no inspector: export the model again")
        self._session = open_session(read_file(model.folder, entry))
        description = model.card["inspection"]
        self._parts: list[Part] = description["parts"]
        self._weights: list[float] = description["weights"]
        self._calibration = calibration
        self._joined = joined_scores(calibration, calibration, self._weights)
        self.default_rate: float = description["false_alarm_rate"]

    def threshold(self, rate: float | None = None) -> Threshold:
        """Return the threshold of a false-alarm rate, by default the card's.

        Raise RateError for a rate that the calibration images cannot carry.
        """
        return calibrate_threshold(self._joined, rate or self.default_rate)

    def percentiles(self, scores: Doubles) -> Doubles:
        """Return the percentage of calibration images below each score."""
        below = np.searchsorted(np.sort(self._joined), scores, side="left")
        percentiles: Doubles = 100 * below / len(self._joined)
        return percentiles

    def inspect(self, pixels: Tensor) -> Inspections:
        """Inspect images, float32 (batch, channels, height, width) in [0, 1]."""
        by_part, maps = score_batch(self._model, self._statistics, self._map, pixels)
        scores = np.stack([by_part[part] for part in self._parts])
        surprisals = weighted_surprisals(self._calibration, scores, self._weights)
        reasons = [self._parts[index] for index in surprisals.argmax(axis=0)]
        joined = joined_scores(self._calibration, scores, self._weights)
        return Inspections(joined, reasons, maps.numpy())

    def _map(self, pixels: Tensor, reconstruction: Tensor) -> Tensor:
        """Return the anomaly maps that the exported graph computes."""
        inputs = {"pixels": pixels.numpy(), "reconstruction": reconstruction.numpy()}
        (maps,) = self._session.run(["map"], inputs)
        return torch.from_numpy(maps)
