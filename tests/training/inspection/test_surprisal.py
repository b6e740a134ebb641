"""Surprisals of scores, and their join."""

import numpy as np
import pytest

from training.inspection.surprisal import joined_scores, surprisal


def test_a_score_within_the_calibration_has_its_share() -> None:
    """-log of the share of calibration scores as large, one counted besides."""
    calibration = np.arange(100, dtype=np.float64)

    values = surprisal(calibration, np.array([-1.0, 0.0, 50.0, 50.5]))

    shares = np.array([101, 101, 51, 50]) / 101
    np.testing.assert_allclose(values, -np.log(shares))


def test_surprisal_ascends_with_the_score() -> None:
    """Also from one calibration score to the next, and beyond the last."""
    calibration = np.random.default_rng(0).gamma(2, size=500)
    scores = np.linspace(0, 30, 3000)

    steps = np.diff(surprisal(calibration, scores))

    assert (steps >= 0).all()
    assert (steps[scores[1:] > np.sort(calibration)[-25]] > 0).all()


def test_the_tail_is_an_exponential_one() -> None:
    """Exponential scores have their own logarithmic probability, far beyond the last."""
    calibration = np.random.default_rng(0).exponential(3, size=20_000)

    assert surprisal(calibration, np.array([90.0])) == pytest.approx(30, rel=0.1)


@pytest.mark.parametrize("count", [1, 2, 11])
def test_few_or_equal_scores_are_enough(count: int) -> None:
    """Nothing is divided by zero."""
    calibration = np.full(count, 4.0)

    values = surprisal(calibration, np.array([3.0, 4.0, 5.0]))

    assert np.isfinite(values).all()
    assert (np.diff(values) >= 0).all()


def test_a_single_parts_scores_are_the_images() -> None:
    """The threshold is then a value of the map."""
    scores = np.array([[3.0, 1.0]])

    np.testing.assert_array_equal(joined_scores(scores, scores, [1.0]), scores[0])


def test_the_largest_weighted_surprisal_counts() -> None:
    """A part with a weight of 1 / e must surprise by 1 more."""
    calibration = np.stack([np.arange(100.0), np.arange(100.0)])
    scores = np.array([[60.0, 99.0], [50.0, 0.0]])

    joined = joined_scores(calibration, scores, [np.exp(-1), 1.0])

    expected = [surprisal(calibration[0], scores[1, :1])[0]]
    expected.append(surprisal(calibration[0], scores[0, 1:])[0] - 1)
    np.testing.assert_allclose(joined, expected)
