"""Operations in latent space."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from service.model.autoencoder import Floats
from service.model.latent_space import interpolation_path, reconstruct
from tests.samples import FakeAutoencoder

LATENTS = arrays(np.float32, 4, elements=st.floats(-100, 100, width=32))


@given(LATENTS, LATENTS, st.integers(2, 50))
def test_a_path_begins_and_ends_at_its_ends(start: Floats, end: Floats, steps: int) -> None:
    """Exactly, whatever the ends; between them every coordinate stays between theirs."""
    weights, latents = interpolation_path(start, end, steps)

    assert (weights[0], weights[-1], len(weights)) == (0, 1, steps)
    assert latents.dtype == np.float32
    assert np.array_equal(latents[0], start)
    assert np.array_equal(latents[-1], end)
    assert (latents >= np.minimum(start, end) - 1e-4).all()
    assert (latents <= np.maximum(start, end) + 1e-4).all()


def test_steps_are_equal() -> None:
    """The middle of three frames is the mean of the ends."""
    _, latents = interpolation_path(np.zeros(2, np.float32), np.array([1, -2], np.float32), 5)

    assert latents.tolist() == [[0, 0], [0.25, -0.5], [0.5, -1], [0.75, -1.5], [1, -2]]


def test_a_reconstruction_decodes_the_mean(autoencoder: FakeAutoencoder) -> None:
    """The fake's mean is the image."""
    images = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)

    assert reconstruct(autoencoder, images) == pytest.approx(images / 255)
