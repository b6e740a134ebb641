"""The Frechet distance is that of Gaussians whose distance is known."""

import numpy as np
import pytest

from training.artifact.exported_model import Floats
from training.evaluation.frechet import frechet_distance

COUNT, SIZE = 20_000, 4


def gaussian(random: np.random.Generator, mean: float, deviation: float) -> Floats:
    """Draws of independent Gaussians."""
    return (mean + deviation * random.standard_normal((COUNT, SIZE))).astype(np.float32)


@pytest.mark.parametrize(
    ("mean", "deviation"), [(0.0, 1.0), (2.0, 1.0), (0.0, 3.0), (-1.0, 0.5)]
)
def test_independent_gaussians(
    random: np.random.Generator, mean: float, deviation: float
) -> None:
    """The sum over dimensions of (difference of means)^2 + (difference of deviations)^2."""
    distance = frechet_distance(
        gaussian(random, 0, 1), gaussian(random, mean, deviation)
    )

    assert distance == pytest.approx(
        SIZE * (mean**2 + (1 - deviation) ** 2), rel=0.05, abs=0.01
    )


def test_a_set_has_no_distance_to_itself(random: np.random.Generator) -> None:
    """Nor to itself in another order, nor where a feature never changes."""
    features = gaussian(random, 0, 1)
    features[:, 0] = 1

    assert frechet_distance(features, random.permutation(features)) == pytest.approx(
        0, abs=1e-5
    )


def test_correlations_count(random: np.random.Generator) -> None:
    """For two variables of variance 1 with correlation r: 4 - 2 (sqrt(1 + r) + sqrt(1 - r))."""
    plain, correlation = gaussian(random, 0, 1)[:, :2], 0.8
    mixed = (
        gaussian(random, 0, 1)[:, :2]
        @ np.linalg.cholesky([[1, correlation], [correlation, 1]]).T
    )

    expected = 4 - 2 * (np.sqrt(1 + correlation) + np.sqrt(1 - correlation))
    assert frechet_distance(plain, mixed.astype(np.float32)) == pytest.approx(
        expected, abs=0.02
    )
