"""POST /interpolate, with a fake model whose images are its latents."""

import numpy as np
import pytest

from tests.samples import FIRST, SECOND, FakeAutoencoder, pixels_of
from tests.service.conftest import Client

ZEROS = {"latent": [0] * 6}
ONES = {"latent": [1] * 6}


def test_a_path_is_straight_with_equal_steps(client: Client) -> None:
    """Weights, latents and images are those of the line from start to end."""
    response = client.operate("/interpolate", start=ZEROS, end=ONES, steps=3)
    first_pixels = [pixels_of(image)[0, 0] for image in response["images"]]

    assert response["weights"] == [0.0, 0.5, 1.0]
    assert response["latents"] == [[0.0] * 6, [0.5] * 6, [1.0] * 6]
    assert first_pixels == [0, 128, 255]


def test_either_end_may_be_an_image_or_a_latent(
    client: Client, autoencoder: FakeAutoencoder
) -> None:
    """Two images are encoded in one call; the latent of an image is its mean."""
    autoencoder.batches.clear()
    images = client.operate(
        "/interpolate", start={"image": FIRST}, end={"image": SECOND}, steps=2
    )["images"]
    assert autoencoder.batches == [2, 2]

    latent = [value / 255 for value in range(6)]
    mixed = client.operate(
        "/interpolate", start={"latent": latent}, end={"image": SECOND}, steps=2
    )["images"]
    assert images == mixed
    assert np.array_equal(pixels_of(images[0]), pixels_of(FIRST))
    assert np.array_equal(pixels_of(images[1]), pixels_of(SECOND))


def test_by_default_a_path_has_11_frames(client: Client) -> None:
    """Their weights are 0 %, 10 % and so on to 100 %."""
    response = client.operate(
        "/interpolate", start={"image": FIRST}, end={"image": SECOND}
    )

    weights = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    assert response["weights"] == weights
    assert len(response["images"]) == 11
    assert len(response["latents"]) == 11


def test_a_path_has_each_waypoint_once(
    client: Client, autoencoder: FakeAutoencoder
) -> None:
    """Weights count segments; there is one call to encode and one to decode."""
    autoencoder.batches.clear()
    waypoints = [{"image": FIRST}, ONES, {"image": SECOND}]
    response = client.operate("/interpolate", waypoints=waypoints, steps=3)

    assert response["weights"] == [0, 0.5, 1, 1.5, 2]
    assert response["latents"][2] == [1] * 6
    assert np.array_equal(pixels_of(response["images"][4]), pixels_of(SECOND))
    assert autoencoder.batches == [2, 5]


def test_a_closed_path_can_be_repeated(client: Client) -> None:
    """It returns to the start, and ends one step before it."""
    response = client.operate(
        "/interpolate", start=ZEROS, end=ONES, steps=3, closed=True
    )

    assert response["weights"] == [0, 0.5, 1, 1.5]
    assert [latent[0] for latent in response["latents"]] == [0, 0.5, 1, 0.5]


@pytest.mark.parametrize(("path", "expected"), [("spherical", 0.5**0.5), ("even", 0.5)])
def test_a_spherical_path_keeps_the_norm(
    client: Client, path: str, expected: float
) -> None:
    """The middle of a right angle is on the arc; other paths are straight."""
    ends = {
        "start": {"latent": [1, 0, 0, 0, 0, 0]},
        "end": {"latent": [0, 1, 0, 0, 0, 0]},
    }
    latents = client.operate("/interpolate", **ends, steps=3, path=path)["latents"]

    assert latents[1][:2] == pytest.approx([expected] * 2)
