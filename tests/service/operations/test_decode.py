"""POST /decode, with a fake model whose pixels are the latent's numbers."""

from tests.samples import pixels_of
from tests.service.conftest import Client


def test_the_response_has_the_image_of_each_latent(client: Client) -> None:
    """Numbers in [0, 1] become grey levels, rounded to the nearest."""
    latents = [[0, 0.1, 0.2, 0.3, 0.4, 1], [1, 0, 0, 0, 0, 0]]
    images = client.operate("/decode", latents=latents)["images"]

    assert pixels_of(images[0]).tolist() == [[0, 26, 51], [76, 102, 255]]
    assert pixels_of(images[1]).tolist() == [[255, 0, 0], [0, 0, 0]]


def test_numbers_out_of_range_are_clipped(client: Client) -> None:
    """A number below 0 is black, and one above 1 is white."""
    latent = [-0.5, 1.5, -9, 9, 0, 1]
    (image,) = client.operate("/decode", latents=[latent])["images"]

    assert pixels_of(image).tolist() == [[0, 255, 0], [255, 0, 255]]
