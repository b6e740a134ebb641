"""New latents are drawn from the classes' mixtures."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from service.model.autoencoder import Floats
from service.model.noise import uniforms
from tests.samples import LATENT_SIZE, fake_statistics
from training.artifact import latent_statistics as trained

STATISTICS = fake_statistics()
EACH = 1 + 2 * LATENT_SIZE
GOLDEN = "934385ba8b89623e260a4c3f"


def nearest(latents: Floats) -> list[int]:
    """Return the index of the Gaussian whose mean is nearest to each latent."""
    distances = np.linalg.norm(latents[:, np.newaxis] - STATISTICS.means, axis=-1)
    numbers: list[int] = distances.argmin(axis=1).tolist()
    return numbers


def test_class_numbers_are_those_that_have_a_mixture() -> None:
    """Ascending; the fake has no 2."""
    assert STATISTICS.class_numbers == [0, 1, 3]


def test_class_means_are_weighted() -> None:
    """Class 0 has a Gaussian at 0 with three times the weight of its other, at 1."""
    assert STATISTICS.class_means([3, 0]) == pytest.approx(
        np.repeat([[0.75], [0.25]], LATENT_SIZE, axis=1)
    )


def test_a_draw_without_a_class_follows_the_weights() -> None:
    """Each Gaussian gets its share of 2,000 draws."""
    chosen = nearest(STATISTICS.draw(uniforms(1, 2000, EACH), None, 1.0))

    assert np.bincount(chosen) / 2000 == pytest.approx([0.3, 0.1, 0.4, 0.2], abs=0.03)


def test_a_draw_of_a_class_comes_from_its_mixture() -> None:
    """Also for the smallest and the largest uniform number."""
    uniform = np.tile([2.0**-53, 0.1, 0.8, 1 - 2.0**-53], 3)[:, np.newaxis] * np.ones(
        EACH
    )
    labels = np.repeat([0, 1, 3], 4)

    assert nearest(STATISTICS.draw(uniform, labels, 0.0)) == [
        0,
        0,
        1,
        1,
        2,
        2,
        2,
        2,
        3,
        3,
        3,
        3,
    ]


def test_draws_have_the_mean_and_covariance_of_their_gaussian() -> None:
    """The covariance is the product of its Cholesky factor and that one's transpose."""
    draws = STATISTICS.draw(uniforms(1, 20_000, EACH), np.full(20_000, 3), 1.0)
    factor = np.tri(LATENT_SIZE) / 100

    assert draws.mean(axis=0) == pytest.approx(0.75, abs=1e-3)
    assert np.cov(draws.T) == pytest.approx(factor @ factor.T, abs=3e-5)


@given(st.floats(0, 3))
def test_temperature_scales_the_noise_around_the_mean(temperature: float) -> None:
    """At 0 every draw is its Gaussian's mean."""
    uniform = uniforms(5, 4, EACH)
    labels = np.array([0, 1, 3, 3])
    middle, usual = (STATISTICS.draw(uniform, labels, factor) for factor in (0.0, 1.0))

    assert STATISTICS.draw(uniform, labels, temperature) == pytest.approx(
        middle + temperature * (usual - middle), abs=1e-6
    )


@given(st.integers(1, 20), st.integers(0, 2**53 - 1))
def test_a_draw_does_not_depend_on_the_batch_size(count: int, seed: int) -> None:
    """To the last bit."""
    many = STATISTICS.draw(uniforms(seed, 20, EACH), None, 1.0)

    assert np.array_equal(
        STATISTICS.draw(uniforms(seed, count, EACH), None, 1.0), many[:count]
    )


def test_the_draws_never_change() -> None:
    """A seed gives the same latents in every version: golden numbers."""
    latents = STATISTICS.draw(uniforms(2014, 3, EACH), np.array([0, 1, 3]), 1.0)

    assert latents[:, -1].astype("<f4").tobytes().hex() == GOLDEN


def test_log_densities_are_those_of_training() -> None:
    """As PyTorch computes them, for more latents than are computed at a time."""
    latents = STATISTICS.draw(uniforms(3, 70, EACH), None, 2.0)
    in_training = trained.LatentStatistics(
        STATISTICS.weights,
        STATISTICS.classes,
        STATISTICS.means,
        STATISTICS.cholesky,
    )
    expected = in_training.class_log_densities(torch.from_numpy(latents))

    assert STATISTICS.class_log_densities(latents) == pytest.approx(
        expected.numpy(), rel=1e-5
    )
