"""Images of any mode become 8-bit pixels with the channels first, and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from service.imaging.pixels import Pixels, images_from_pixels, pixels_from_image

sides = st.integers(1, 9)
shapes = st.tuples(st.integers(1, 4), st.sampled_from([1, 3]), sides, sides)
pixels = shapes.flatmap(lambda shape: arrays(np.uint8, shape))


@given(pixels)
def test_pixels_are_recovered_from_images(pixels: Pixels) -> None:
    """This holds for grey and RGB."""
    channels = pixels.shape[1]
    images = images_from_pixels(pixels)
    recovered = [pixels_from_image(image, channels) for image in images]

    assert np.array_equal(recovered, pixels)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_every_mode_is_converted_to_grey_and_rgb(mode: str) -> None:
    """White stays white."""
    if mode == "I;16":
        image = Image.fromarray(np.full((2, 3), 65535, dtype=np.uint16))
    else:
        image = Image.new("RGB", (3, 2), "white").convert(mode)

    for channels in (1, 3):
        white = np.full((channels, 2, 3), 255)
        assert np.array_equal(pixels_from_image(image, channels), white)


def test_transparent_colours_are_laid_over_black() -> None:
    """Each channel shows as much as its alpha covers."""
    image = Image.new("RGBA", (3, 2), (200, 100, 0, 128))
    colours = pixels_from_image(image, 3)[:, 0, 0]

    assert np.abs(colours.astype(int) - [100, 50, 0]).max() <= 1
