"""POST /arithmetic, with a fake model whose images are its latents."""

import numpy as np
import pytest

from tests.samples import FIRST, SECOND, FakeAutoencoder, pixels_of
from tests.service.conftest import Client


def test_the_sum_has_each_point_times_its_weight(
    client: Client, autoencoder: FakeAutoencoder
) -> None:
    """Points are images, latents and labels; each graph is called once."""
    autoencoder.batches.clear()
    terms = [
        {"weight": 2, "latent": [0.5] * 6},
        {"weight": -1, "image": FIRST},
        {"weight": 1, "label": 0},
        {"weight": -0.5, "image": SECOND},
    ]
    response = client.operate("/arithmetic", terms=terms)

    first, second = np.arange(6) / 255, np.arange(250, 256) / 255
    expected = 2 * 0.5 - first + 0.25 - 0.5 * second
    (image,) = response["images"]
    assert response["latent"] == pytest.approx(expected.tolist(), abs=1e-6)
    assert response["clipped"] == 1
    assert pixels_of(image).ravel() == pytest.approx(expected * 255, abs=0.51)
    assert autoencoder.batches == [2, 1]


def test_a_sum_of_many_points_is_one_image(client: Client) -> None:
    """The limit of the scale is that of one image."""
    terms = [{"weight": 1, "latent": [0] * 6}] * 12
    response = client.operate("/arithmetic", terms=terms, scale=13)

    assert len(response["images"]) == 1


@pytest.mark.parametrize(
    ("clip", "norm", "factor"), [(True, 1.5 * 6**0.5, 0.15), (False, 10 * 6**0.5, 1)]
)
def test_a_sum_outside_the_data_is_scaled_towards_the_origin(
    client: Client, *, clip: bool, norm: float, factor: float
) -> None:
    """Its norm becomes 1.5 times the square root of the latent size.

    The direction stays the same. Without ``clip`` the sum is unchanged.
    """
    terms = [{"weight": 10, "latent": [1] * 6}]
    response = client.operate("/arithmetic", terms=terms, clip=clip)

    assert np.linalg.norm(response["latent"]) == pytest.approx(norm)
    assert response["clipped"] == pytest.approx(factor)
    assert len(set(response["latent"])) == 1
