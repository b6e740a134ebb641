"""Surprisal: a score's upper-tail probability among calibration scores, in nats.

It makes scores of different units comparable: an image's joined score is the largest
surprisal of its parts.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

MIN_TAIL = 10  # scores that the tail is fitted to
TAIL_SHARE = 20  # or this part of all scores, if that is more
MIN_EXCESS = 1e-12  # of a tail whose scores are equal


def surprisal(calibration: Doubles, scores: Doubles) -> Doubles:
    """Return -log of the probability that a calibration score is as large.

    Up to the lowest score of the tail it is the share of calibration scores as large;
    above, an exponential distribution with the tail's mean excess, since no
    calibration score may be as large (Pickands 1975, the generalised Pareto
    distribution of shape 0).

    calibration: (count,), at least one score.
    """
    ascending = np.sort(calibration)
    count = len(ascending)
    tail = min(count, max(MIN_TAIL, count // TAIL_SHARE))
    largest = ascending[count - tail :]
    lowest = largest[0]
    excess = max(np.mean(largest - lowest), MIN_EXCESS)
    smaller = np.searchsorted(ascending, scores, side="left")
    within = -np.log((count - smaller + 1) / (count + 1))
    at_lowest = -np.log((tail + 1) / (count + 1))
    beyond = at_lowest + (scores - lowest) / excess
    surprisals: Doubles = np.where(scores > lowest, beyond, within)
    return surprisals


def joined_scores(
    calibration: Doubles,
    scores: Doubles,
    weights: Sequence[float],
) -> Doubles:
    """Return one score for each image, (count,).

    A single part's score is the image's. Several are joined by their weighted
    surprisals, the largest of which counts: a weight below 1 leaves a part a smaller
    share of the false alarms (Genovese, Roeder & Wasserman 2006, doi
    10.1093/biomet/93.3.509).

    calibration: (parts, images), of images without defects.
    scores: (parts, count).
    weights: of the parts, in (0, 1].
    """
    if len(scores) == 1:
        only: Doubles = scores[0]
        return only
    surprisals = weighted_surprisals(calibration, scores, weights)
    largest: Doubles = surprisals.max(axis=0)
    return largest


def weighted_surprisals(
    calibration: Doubles,
    scores: Doubles,
    weights: Sequence[float],
) -> Doubles:
    """Return each part's surprisals plus the logarithm of its weight, (parts, count)."""
    surprisals = [
        surprisal(ranked, values) + math.log(weight)
        for ranked, values, weight in zip(calibration, scores, weights, strict=True)
    ]
    return np.stack(surprisals)
