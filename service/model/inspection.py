"""Inspection: an anomaly map of each image, and a score with a calibrated rank."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np

from service.model.autoencoder import (
    Autoencoder,
    Floats,
    Pixels,
    require_calibration,
    unit_pixels,
)
from service.model.card import InspectionPart
from service.model.noise import Doubles
from service.model.score import reconstruction_loss


@dataclass(frozen=True, slots=True, eq=False)
class Inspections:
    """Inspections of a batch of images.

    maps: float32 (batch, height, width), 0 or more.
    scores: float64 (batch,).
    percentiles: float64 (batch,), the share of images without defects that have a
        lower score, in percent.
    reasons: the part that each image's score is of.
    """

    maps: Floats
    scores: Doubles
    percentiles: Doubles
    reasons: list[InspectionPart]


@dataclass(frozen=True, eq=False)
class Evidence:
    """Everything that the parts of a score are computed from.

    pixels, decoded: float32 (batch, channels, height, width) in [0, 1].
    means: float32 (batch, latent), of the posteriors.
    maps: float32 (batch, height, width).
    """

    autoencoder: Autoencoder
    pixels: Floats
    decoded: Floats
    means: Floats
    maps: Floats

    @cached_property
    def latent_surprisals(self) -> Doubles:
        """-log p(z) of each posterior mean in nats, (batch,).

        p(z) is the density of all classes' mixtures together.
        """
        statistics = self.autoencoder.statistics
        log_densities = statistics.class_log_densities(self.means)
        surprisals: Doubles = -np.logaddexp.reduce(log_densities, axis=1)
        return surprisals


async def inspect(autoencoder: Autoencoder, pixels: Pixels | Floats) -> Inspections:
    """Inspect images (batch, channels, height, width), uint8 or float32 in [0, 1].

    Raises NoInspectorError if the model cannot inspect.
    """
    calibration = require_calibration(autoencoder)
    posterior = await autoencoder.encode(pixels)
    decoded = await autoencoder.decode(posterior.mean)
    originals = unit_pixels(pixels)
    pairs = np.concatenate([originals, decoded], axis=1)
    maps = await autoencoder.map_anomalies(pairs)
    evidence = Evidence(autoencoder, originals, decoded, posterior.mean, maps)
    scores = np.stack([SCORES[part](evidence) for part in calibration.parts])
    judged = calibration.judge(scores)
    percentiles = calibration.percentiles(judged.scores)
    brightness = calibration.brightness_percentiles(originals)
    autoencoder.report_percentiles(percentiles.tolist(), brightness)
    return Inspections(maps, judged.scores, percentiles, judged.reasons)


def map_scores(evidence: Evidence) -> Doubles:
    """Return the largest value of each map, (batch,)."""
    maxima: Doubles = evidence.maps.max(axis=(1, 2)).astype(np.float64)
    return maxima


def latent_scores(evidence: Evidence) -> Doubles:
    """Return -log p(z) of each posterior mean in nats, (batch,)."""
    return evidence.latent_surprisals


def likelihood_scores(evidence: Evidence) -> Doubles:
    """Return -log p(x|z) - log p(z) of each image in nats, (batch,)."""
    objective = evidence.autoencoder.card.objective
    loss = reconstruction_loss(objective, evidence.pixels, evidence.decoded)
    return loss + evidence.latent_surprisals


SCORES: Mapping[InspectionPart, Callable[[Evidence], Doubles]] = MappingProxyType(
    {
        "map": map_scores,
        "latent": latent_scores,
        "likelihood": likelihood_scores,
    }
)
