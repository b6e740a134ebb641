"""Calibration of inspections: surprisals, thresholds and percentiles of scores.

An image's anomaly score is that of its parts: the anomaly map and, where the card says
so, densities. Several parts, in different units, are compared by their surprisals: -log
of the probability that an image without defects has as large a score.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np

from service.model.card import Inspection, InspectionPart, ModelCard
from service.model.errors import ModelLoadError
from service.model.noise import Doubles
from service.model.statistics import Floats, LatentStatistics

MAP: InspectionPart = "map"
MIN_TAIL = 10  # scores that the tail is fitted to
TAIL_SHARE = 20  # or this part of all scores, if that is more
MIN_EXCESS = 1e-12  # of a tail whose scores are equal
PERCENT = 100


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Thresholds of one request.

    score: an image with a higher score is anomalous.
    pixel: a value of its map that alone makes an image anomalous is higher.
    rate: the false-alarm rate.
    """

    score: float
    pixel: float
    rate: float


class JudgedImages(NamedTuple):
    """Scores of images, (batch,), and the part that each image's score is of."""

    scores: Doubles
    reasons: list[InspectionPart]


@dataclass(frozen=True, eq=False)
class ScoreTail:
    """Distribution of a part's scores of images without defects.

    The probabilities of the largest scores are those of an exponential distribution,
    since a new score may be larger than all of them: Pickands 1975,
    doi:10.1214/aos/1176343003, with shape 0. Those of the others are shares.

    scores: float64 (images,), ascending.
    start: the lowest score of the tail.
    surprisal: of ``start``, in nats.
    excess: mean excess of the tail's scores.
    """

    scores: Doubles
    start: float
    surprisal: float
    excess: float

    @classmethod
    def of(cls, scores: Doubles) -> Self:
        """Return the distribution of ascending scores (images,)."""
        count = len(scores)
        wanted = max(MIN_TAIL, count // TAIL_SHARE)
        size = min(count, wanted)
        tail = scores[count - size :]
        start = float(tail[0])
        excess = float(np.mean(tail - start))
        probability = (size + 1) / (count + 1)
        surprisal = -math.log(probability)
        return cls(scores, start, surprisal, max(excess, MIN_EXCESS))

    def surprisals(self, scores: Doubles) -> Doubles:
        """Return the surprisals of scores (batch,), in nats."""
        count = len(self.scores)
        smaller = np.searchsorted(self.scores, scores)
        others = count - smaller
        probabilities = (others + 1) / (count + 1)
        within = -np.log(probabilities)
        excesses = (scores - self.start) / self.excess
        beyond = self.surprisal + excesses
        in_tail = scores > self.start
        surprisals: Doubles = np.where(in_tail, beyond, within)
        return surprisals

    def largest_score(self, surprisal: float) -> float:
        """Return the largest score whose surprisal is not larger."""
        beyond = surprisal - self.surprisal
        if beyond >= 0:
            return self.start + beyond * self.excess
        surprisals = self.surprisals(self.scores)
        count = int(np.searchsorted(surprisals, surprisal, side="right"))
        last = max(0, count - 1)
        return float(self.scores[last])


@dataclass(frozen=True, eq=False)
class Calibration:
    """Scores of images without defects that training did not use.

    parts: the scores that are compared.
    log_weights: float64 (parts, 1). A lower weight leaves a part fewer false alarms:
        Genovese, Roeder & Wasserman 2006, doi:10.1093/biomet/93.3.509.
    rate: false-alarm rate of requests that give neither a rate nor a threshold.
    scores: float64 (parts, images), in the statistics' order.
    brightness_deciles: of the images' mean brightness, ascending; empty if it does not
        tell the light.
    """

    parts: Sequence[InspectionPart]
    log_weights: Doubles
    rate: float
    scores: Doubles
    brightness_deciles: Sequence[float]

    @classmethod
    def of(cls, card: ModelCard, statistics: LatentStatistics) -> Self | None:
        """Return the calibration of a model, or None if it cannot inspect.

        Raises ModelLoadError if the scores are not those that the card describes.
        """
        inspection = card.inspection
        if inspection is None or card.graphs.inspector is None:
            return None
        scores = statistics.inspection_scores
        shape = len(inspection.parts), inspection.images
        if scores.shape != shape:
            raise ModelLoadError(
                f"inspection_scores has the shape {scores.shape}; "
                f"its card asks for {shape}"
            )
        rate = inspection.false_alarm_rate
        if not place_of(rate, inspection.images):
            raise ModelLoadError(
                f"{inspection.images} images cannot carry the false-alarm rate {rate}"
            )
        return cls.from_scores(inspection, scores)

    @classmethod
    def from_scores(cls, inspection: Inspection, scores: Doubles) -> Self:
        """Return the calibration by scores (parts, images)."""
        weights = np.array(inspection.weights)
        log_weights = np.log(weights)[:, np.newaxis]
        rate = inspection.false_alarm_rate
        deciles = inspection.brightness_deciles or ()
        return cls(inspection.parts, log_weights, rate, scores, deciles)

    @property
    def images(self) -> int:
        """Number of images."""
        count: int = self.scores.shape[1]
        return count

    @cached_property
    def image_scores(self) -> Doubles:
        """Scores of the images, float64 (images,), ascending."""
        largest = self.comparable(self.scores).max(axis=0)
        return np.sort(largest)

    @cached_property
    def _tails(self) -> list[ScoreTail]:
        """Distribution of each part's scores."""
        ascending = np.sort(self.scores, axis=1)
        return [ScoreTail.of(row) for row in ascending]

    def judge(self, scores: Doubles) -> JudgedImages:
        """Return the scores of images, and their reasons, by those of the parts.

        scores: (parts, batch).
        """
        comparable = self.comparable(scores)
        largest = comparable.argmax(axis=0)
        reasons = [self.parts[part] for part in largest]
        return JudgedImages(comparable.max(axis=0), reasons)

    def comparable(self, scores: Doubles) -> Doubles:
        """Return scores (parts, batch) that can be compared between parts, same shape.

        An image's score is the largest of them. Of several parts they are weighted
        surprisals; those of a single part are its scores.
        """
        if len(self.parts) == 1:
            return scores
        by_part = zip(self._tails, scores, strict=True)
        rows = [tail.surprisals(row) for tail, row in by_part]
        surprisals = np.stack(rows)
        weighted: Doubles = surprisals + self.log_weights
        return weighted

    def percentiles(self, image_scores: Doubles) -> Doubles:
        """Return the share of the images with a lower score, (batch,), in percent."""
        lower = np.searchsorted(self.image_scores, image_scores)
        shares: Doubles = PERCENT * lower / self.images
        return shares

    def brightness_percentiles(self, pixels: Floats) -> Sequence[float]:
        """Return the upper end of the tenth that each image is in by its brightness.

        In percent, empty if brightness does not tell the light.
        pixels: float32 (batch, channels, height, width) in [0, 1].
        """
        if not self.brightness_deciles:
            return ()
        brightness = pixels.mean(axis=(1, 2, 3), dtype=np.float64)
        lower = np.searchsorted(self.brightness_deciles, brightness)
        tenths = len(self.brightness_deciles) + 1
        percentiles: list[float] = (PERCENT * (lower + 1) / tenths).tolist()
        return percentiles

    def at_rate(self, rate: float) -> Thresholds:
        """Return the thresholds of a false-alarm rate that the images can carry.

        The k-th largest of N scores, k = floor(rate (N + 1)), is exceeded by a new
        image with probability k / (N + 1): Vovk 2012, arXiv:1209.2673.
        """
        place = place_of(rate, self.images)
        score = float(self.image_scores[-place])
        pixel = self._pixel_threshold(score)
        return Thresholds(score, pixel, rate)

    def at_score(self, score: float) -> Thresholds:
        """Return the thresholds if that of the score is given.

        The rate is (k + 1) / (N + 1) if k of the N images have a higher score.
        """
        lower = int(np.searchsorted(self.image_scores, score, side="right"))
        higher = self.images - lower
        rate = (higher + 1) / (self.images + 1)
        pixel = self._pixel_threshold(score)
        return Thresholds(score, pixel, rate)

    def _pixel_threshold(self, score: float) -> float:
        """Return the largest value of a map whose image is not anomalous by it."""
        if len(self.parts) == 1:
            return score
        row = self.parts.index(MAP)
        log_weight = float(self.log_weights[row, 0])
        tail = self._tails[row]
        return tail.largest_score(score - log_weight)


def place_of(rate: float, images: int) -> int:
    """Return k = floor(rate (images + 1)): the k-th largest score is the threshold.

    It is 0 if so few images cannot carry the rate.
    """
    return math.floor(as_decimal(rate) * (images + 1))


def images_needed(rate: float) -> int:
    """Return the smallest number of images that can carry a false-alarm rate."""
    return math.ceil(1 / as_decimal(rate)) - 1


def as_decimal(rate: float) -> Fraction:
    """Return the decimal number that a float prints as: 0.07 * 100 is then 7."""
    return Fraction(str(rate))
