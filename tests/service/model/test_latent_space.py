"""Properties of the operations on latents."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from service.model.autoencoder import Floats, Posterior
from service.model.latent_space import (
    RADIUS,
    clip_factor,
    posterior_samples,
    prior_samples,
    traversal,
    weighted_sum,
)

LATENTS = arrays(np.float32, 4, elements=st.floats(-100, 100, width=32))


def test_posterior_samples_have_its_mean_and_variance(
    random: np.random.Generator,
) -> None:
    """For each image and coordinate separately."""
    mean, log_variance = random.normal(size=(2, 3, 5)).astype(np.float32)
    samples = posterior_samples(Posterior(mean, log_variance), 1, 20_000)

    assert samples.mean(axis=1) == pytest.approx(mean, abs=0.05)
    assert np.log(samples.var(axis=1)) == pytest.approx(log_variance, abs=0.05)


@given(st.integers(1, 4), st.integers(1, 4))
def test_a_posterior_sample_depends_on_its_indices_alone(
    images: int, samples: int
) -> None:
    """Neither more images nor more samples change it."""
    zeros = np.zeros((4, 3), np.float32)
    many = posterior_samples(Posterior(zeros, zeros), 9, 4)
    few = posterior_samples(Posterior(zeros[:images], zeros[:images]), 9, samples)

    assert np.array_equal(few, many[:images, :samples])


@given(st.integers(1, 8), st.floats(0, 3))
def test_a_draw_from_the_prior_depends_on_its_index_alone(
    count: int, temperature: float
) -> None:
    """The temperature scales it."""
    many = prior_samples(3, 9, 8, 1.0)

    assert prior_samples(3, 9, count, temperature) == pytest.approx(
        temperature * many[:count]
    )


def test_a_weighted_sum_adds_up() -> None:
    """7 - 1.5 * 2 is 4."""
    latents = np.array([[7, 0], [2, 2]], np.float32)

    assert weighted_sum(latents, np.array([1, -1.5])).tolist() == [4, -3]


@given(LATENTS)
def test_a_latent_is_clipped_to_the_radius(latent: Floats) -> None:
    """A latent within the radius is not changed."""
    factor = clip_factor(latent)
    length = np.linalg.norm(latent.astype(np.float64))

    assert 0 < factor <= 1
    assert factor * length == pytest.approx(min(length, RADIUS * 2))


def test_a_traversal_moves_one_coordinate_a_row() -> None:
    """By each offset; the others stay."""
    grid = traversal(np.array([1, 2, 3], np.float32), [2, 0], np.array([-1, 0.5]))

    assert grid.tolist() == [[1, 2, 2], [1, 2, 3.5], [0, 2, 3], [1.5, 2, 3]]
