"""The picture on the documentation page."""

import base64

import numpy as np

from tests.samples import FakeAutoencoder, pixels_of
from tests.service.conftest import Client

PATH = "/docs-assets/interpolation.png"


def test_the_page_shows_an_interpolation_of_the_served_model(
    client: Client, autoencoder: FakeAutoencoder
) -> None:
    """It is between the card's two examples, with each pixel three times as large."""
    response = client.get(PATH)
    pixels = pixels_of(base64.b64encode(response.content).decode())
    start, end = map(pixels_of, autoencoder.card.examples)

    assert response.headers["content-type"] == "image/png"
    assert f'src="{PATH}"' in client.get("/docs").text
    assert pixels.shape == (2 * 3, 11 * 3 * 3)
    assert np.abs(pixels[::3, :9:3].astype(int) - start).max() <= 1
    assert np.abs(pixels[::3, -9::3].astype(int) - end).max() <= 1


def test_it_is_computed_once(client: Client, autoencoder: FakeAutoencoder) -> None:
    """Later visits of the page do not use the model."""
    client.get(PATH)
    autoencoder.batches.clear()
    client.get(PATH)

    assert autoencoder.batches == []


def test_a_picture_that_cannot_be_computed_is_a_problem(
    client: Client, autoencoder: FakeAutoencoder
) -> None:
    """The page itself is still shown."""
    autoencoder.broken = True

    assert client.get(PATH).status_code == 503
    assert client.get("/docs").status_code == 200
