"""Thresholds that keep their false-alarm rate."""

import numpy as np
import pytest

from training.inspection.threshold import (
    RateError,
    calibrate_threshold,
    default_rate,
    images_needed,
)


def test_the_threshold_is_a_score_of_the_calibration() -> None:
    """Of 199 scores and 1 %, k is 2: one score is above the threshold."""
    scores = np.random.default_rng(0).permutation(199).astype(np.float64)

    threshold = calibrate_threshold(scores, 0.01)

    assert threshold.score == 197


def test_a_decimal_rate_is_taken_as_written() -> None:
    """0.07 of 100 is 7, although the product of floats is less."""
    scores = np.arange(99.0)

    assert calibrate_threshold(scores, 0.29).score == 99 - 29
    assert calibrate_threshold(scores, 0.07).score == 99 - 7


@pytest.mark.parametrize(
    ("rate", "count", "low", "high"),
    [
        (0.01, 100, 0.0003, 0.036),
        (0.01, 1000, 0.005, 0.017),
        (0.05, 100, 0.016, 0.099),
    ],
)
def test_the_interval_is_that_of_the_beta_distribution(
    rate: float, count: int, low: float, high: float
) -> None:
    """Known intervals of a few rates and numbers of images."""
    threshold = calibrate_threshold(np.arange(float(count)), rate)

    assert threshold.interval == pytest.approx((low, high), rel=0.2)


def test_new_images_exceed_the_threshold_at_rates_within_the_interval() -> None:
    """19 of 20 calibrations keep the interval, and the mean rate is the one asked."""
    random = np.random.default_rng(0)
    rates = []
    inside = 0
    for _ in range(400):
        threshold = calibrate_threshold(random.exponential(size=199), 0.05)
        rate = np.exp(-threshold.score)
        rates.append(rate)
        inside += threshold.interval[0] <= rate <= threshold.interval[1]

    assert np.mean(rates) == pytest.approx(0.05, abs=0.003)
    assert inside / 400 >= 0.92


def test_a_rate_that_needs_more_images_is_refused() -> None:
    """The message says how many are needed, and so many are enough."""
    with pytest.raises(
        RateError, match=r"0\.01 needs 99 calibration images; there are 98"
    ):
        calibrate_threshold(np.arange(98.0), 0.01)
    assert images_needed(0.01) == 99
    assert calibrate_threshold(np.arange(99.0), 0.01).score == 98


@pytest.mark.parametrize(
    ("images", "rate"), [(10_000, 0.01), (99, 0.01), (98, 0.011), (40, 0.025), (1, 0.5)]
)
def test_the_default_rate_is_one_that_the_images_carry(
    images: int, rate: float
) -> None:
    """1 %, or the smallest of 3 decimal places."""
    assert default_rate(images) == rate
    assert calibrate_threshold(np.zeros(images), rate).rate == rate
