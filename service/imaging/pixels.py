"""Conversion between Pillow's images and arrays of uint8 pixels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

BLACK = 0
WHITE = 255
MODES = {1: "L", 3: "RGB"}  # Pillow's, by the number of channels
# Averages pixels when it reduces an image, and causes no ringing around ink.
RESAMPLING = Image.Resampling.HAMMING
RESAMPLING_FILTERS = {
    "hamming": Image.Resampling.HAMMING,
    "lanczos": Image.Resampling.LANCZOS,
}
GREY_STEP = 257  # 65535 / 255: levels of 16 bits for one of 8 bits

Pixels = NDArray[np.uint8]  # (channels, height, width) or (count, channels, ...)
Color = tuple[int, ...]  # level of each channel, 0 to 255


@dataclass(frozen=True, slots=True)
class ImageShape:
    """Shape of an image's pixels; one channel is grey, three are RGB."""

    channels: int
    height: int
    width: int

    @property
    def is_grey(self) -> bool:
        """Return whether images have one channel."""
        return self.channels == 1

    @property
    def in_color(self) -> "ImageShape":
        """The shape of the same images in color."""
        return ImageShape(max(MODES), self.height, self.width)


def images_from_pixels(pixels: Pixels) -> list[Image.Image]:
    """Return pixels (count, channels, height, width) as images."""
    count, channels, height, width = pixels.shape
    frames = pixels.transpose(0, 2, 3, 1)
    if channels == 1:
        frames = frames.reshape(count, height, width)
    return [Image.fromarray(frame) for frame in frames]


def pixels_from_image(image: Image.Image, channels: int) -> Pixels:
    """Return an image's pixels (channels, height, width), transparency over black."""
    converted = convert(image, channels, (BLACK,))
    pixels = np.asarray(converted)
    pixels = pixels.reshape(image.height, image.width, channels)
    return pixels.transpose(2, 0, 1)


def convert(image: Image.Image, channels: int, background: Color) -> Image.Image:
    """Return an image of any mode as grey or RGB, by the number of channels.

    Transparent parts show the background.
    """
    opaque = flatten(image, *background)
    return opaque.convert(MODES[channels])


def flatten(image: Image.Image, *background: int) -> Image.Image:
    """Return an image of any mode with 8 bits a channel and no transparency.

    Transparent parts show ``background``: one grey level, or red, green and blue; by
    default black.
    """
    if image.mode.startswith("I"):
        return reduce_depth(image)
    if image.has_transparency_data:
        levels = background or (BLACK,)
        red, green, blue = levels * (3 // len(levels))
        paper = Image.new("RGBA", image.size, (red, green, blue))
        with_alpha = image.convert("RGBA")
        return Image.alpha_composite(paper, with_alpha)
    if image.mode == "CMYK":
        return image.convert("RGB")
    return image


def reduce_depth(image: Image.Image) -> Image.Image:
    """Return a grey image of 16 bits with 8 bits, its levels rounded."""
    levels = np.asarray(image, dtype=np.uint32)
    half_step = GREY_STEP // 2
    rounded = (levels + half_step) // GREY_STEP
    grey = rounded.astype(np.uint8)
    return Image.fromarray(grey)
