"""A threshold of scores with a false-alarm rate, from images without defects."""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

Scores = NDArray[np.float32] | NDArray[np.float64]

DEFAULT_RATE = 0.01
RATE_STEPS = 1000  # a rate that few images can carry has 3 decimal places
INTERVAL = (0.025, 0.975)  # quantiles: 95 % of calibrations lie between them


class RateError(Exception):
    """A false-alarm rate is too low for the number of images; the message says why."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """A score that images without defects exceed at a given rate.

    Attributes:
        score: An image with a higher score is anomalous.
        rate: The false-alarm rate that was asked for.
        images: Number of images that it was calibrated on.
        interval: 95 % interval of the rate on new images.
    """

    score: float
    rate: float
    images: int
    interval: tuple[float, float]


def calibrate_threshold(scores: Scores, rate: float) -> Threshold:
    """Return the threshold of a false-alarm rate between 0 and 1.

    It is the k-th largest of N scores, k = floor(rate (N + 1)): a new image of the same
    kind exceeds it with probability k / (N + 1). Over calibrations, the rate on new
    images has the distribution Beta(k, N + 1 - k): Vovk 2012, "Conditional validity of
    inductive conformal predictors", proposition 2a.

    scores: (N,), of images without defects that training has not used.

    Raise RateError, with the number of images needed, if k is 0.
    """
    count = len(scores)
    place = _floor_product(rate, count + 1)
    if place == 0:
        raise RateError(
            f"a false-alarm rate of {rate:g} needs {images_needed(rate):,} calibration "
            f"images; there are {count:,}"
        )
    ascending = np.sort(scores)
    low, high = beta.ppf(INTERVAL, place, count + 1 - place)
    return Threshold(
        score=float(ascending[-place]),
        rate=rate,
        images=count,
        interval=(float(low), float(high)),
    )


def default_rate(images: int) -> float:
    """Return 0.01, or the smallest rate that a number of images can carry.

    It is rounded up to 3 decimal places.
    """
    smallest = math.ceil(RATE_STEPS / (images + 1)) / RATE_STEPS
    return max(DEFAULT_RATE, smallest)


def images_needed(rate: float) -> int:
    """Return the smallest number of images that can carry a false-alarm rate."""
    return math.ceil(1 / _exact(rate)) - 1


def _floor_product(rate: float, count: int) -> int:
    """Return floor(rate * count), for the decimal number that was asked for."""
    return math.floor(_exact(rate) * count)


def _exact(rate: float) -> Fraction:
    """Return the decimal number that a float prints as: 0.07 * 100 is then 7."""
    return Fraction(str(rate))
