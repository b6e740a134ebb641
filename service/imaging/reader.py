"""Decoding of files with Pillow; an image's size is checked before it is decoded."""

import io
import struct
from typing import NamedTuple

from PIL import BmpImagePlugin, Image

from service.imaging.errors import ImageError, damaged
from service.imaging.formats import Format, find_format
from service.imaging.orientation import orient

# Raised by Pillow's readers for a damaged file, and by this package's own for one that
# ends too early.
DECODING_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    IndexError,
    struct.error,
    Image.DecompressionBombError,
)


# Sides of a JPEG that is decoded at a reduced scale, at least.
REDUCED_SIZE = (1024, 1024)


class SourceImage(NamedTuple):
    """A decoded image, upright.

    Attributes:
        image: In any of Pillow's modes.
        size: Width and height in the file, upright; greater than the image's if it was
            decoded at a reduced scale.
        oriented: Whether it was turned or mirrored as its EXIF data say.
    """

    image: Image.Image
    size: tuple[int, int]
    oriented: bool


def read_image(
    content: bytes,
    max_pixels: int,
    *,
    reduced: bool = False,
) -> SourceImage:
    """Decode the first frame of a PNG, JPEG, WebP, BMP or GIF, upright.

    Format and size are read from the header, so that an image of more than
    ``max_pixels`` is rejected before it is decoded. ``reduced`` decodes large JPEGs in
    grey and at a fraction of their size, which saves time and memory. Raises
    ImageError.
    """
    file_format = find_format(content)
    name = file_format.name
    try:
        size = file_format.size(content)
        check_size(*size, max_pixels)
        check_format_limit(file_format, content, size)
        pixel_file = io.BytesIO(file_format.pixels(content))
        with Image.open(pixel_file, formats=[name]) as image:
            if image.size != size:
                raise damaged(name)
            if reduced and min(size) >= 2 * min(REDUCED_SIZE):
                image.draft("L", REDUCED_SIZE)
            image.load()
            if image.mode == "P" and image.palette is None:
                raise ImageError("a palette image without its palette")
            upright, oriented = orient(image, file_format.exif(content))
            if upright.size != image.size:
                size = size[::-1]
            return SourceImage(visible(upright, name), size, oriented)
    except DECODING_ERRORS as error:
        raise damaged(name) from error


def visible(image: Image.Image, name: str) -> Image.Image:
    """Return an image without the alpha channel of a BMP that has 0 throughout.

    Many programs leave those bytes empty, and show the image as opaque.
    """
    if name == BmpImagePlugin.BmpImageFile.format and image.mode == "RGBA":
        _, highest = image.getchannel("A").getextrema()
        if highest == 0:
            return image.convert("RGB")
    return image


def measure(content: bytes) -> tuple[int, int]:
    """Return the width and height in a file's header.

    Raises ImageError or one of DECODING_ERRORS.
    """
    return find_format(content).size(content)


def check_size(
    width: int,
    height: int,
    max_pixels: int,
) -> None:
    """Raise ImageError for an image without pixels or with too many."""
    if not 0 < width * height <= max_pixels:
        size = f"{width} x {height} pixels"
        setting = "VAE_MAX_IMAGE_PIXELS"
        raise ImageError(f"{size}; must have 1 to {max_pixels} ({setting})")


def check_format_limit(
    file_format: Format,
    content: bytes,
    size: tuple[int, int],
) -> None:
    """Raise ImageError for more pixels than are decoded of such a file."""
    limit = file_format.max_pixels(content)
    width, height = size
    if limit is not None and width * height > limit:
        raise ImageError(
            f"{width} x {height} pixels; a {file_format.name} of this kind, which is "
            f"costly to decode, must have at most {limit}"
        )
