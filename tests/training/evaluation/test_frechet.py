"""The Fréchet distance of Gaussians is the known one."""

import numpy as np
import pytest

from training.artifact.exported_model import Floats
from training.evaluation.frechet import frechet_distance

COUNT, SIZE = 20_000, 4


def gaussian(random: np.random.Generator, mean: float, deviation: float) -> Floats:
    """Draw from independent Gaussians, (count, size)."""
    return (mean + deviation * random.standard_normal((COUNT, SIZE))).astype(np.float32)


@pytest.mark.parametrize(
    ("mean", "deviation"), [(0.0, 1.0), (2.0, 1.0), (0.0, 3.0), (-1.0, 0.5)]
)
def test_independent_gaussians(
    random: np.random.Generator, mean: float, deviation: float
) -> None:
    """It is the sum over dimensions of two squares.

    These are the differences of the means and of the standard deviations.
    """
    distance = frechet_distance(
        gaussian(random, 0, 1), gaussian(random, mean, deviation)
    )

    assert distance == pytest.approx(
        SIZE * (mean**2 + (1 - deviation) ** 2), rel=0.05, abs=0.01
    )


def test_a_set_has_no_distance_to_itself(random: np.random.Generator) -> None:
    """Neither order nor a constant feature matters."""
    features = gaussian(random, 0, 1)
    features[:, 0] = 1

    assert frechet_distance(features, random.permutation(features)) == pytest.approx(
        0, abs=1e-5
    )


def test_correlations_count(random: np.random.Generator) -> None:
    """Two variables of variance 1 and correlation r have a closed form.

    It is 4 - 2 (sqrt(1 + r) + sqrt(1 - r)).
    """
    plain, correlation = gaussian(random, 0, 1)[:, :2], 0.8
    mixed = (
        gaussian(random, 0, 1)[:, :2]
        @ np.linalg.cholesky([[1, correlation], [correlation, 1]]).T
    )

    expected = 4 - 2 * (np.sqrt(1 + correlation) + np.sqrt(1 - correlation))
    assert frechet_distance(plain, mixed.astype(np.float32)) == pytest.approx(
        expected, abs=0.02
    )
