"""Decoding of files with Pillow; an image's size is checked before it is decoded."""

import io
import struct

from PIL import Image

from service.imaging.errors import ImageError, damaged
from service.imaging.formats import find_format
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


def read_image(content: bytes, max_pixels: int) -> tuple[Image.Image, bool]:
    """Decode the first frame of a PNG, JPEG, WebP, BMP or GIF, upright.

    Return the image, in any of Pillow's modes, and whether it was turned or mirrored as
    its EXIF data say. Format and size are read from the header, so that an image of
    more than ``max_pixels`` is rejected before it is decoded. Raises ImageError.
    """
    file_format = find_format(content)
    name = file_format.name
    try:
        size = file_format.size(content)
        check_size(*size, max_pixels)
        pixel_file = io.BytesIO(file_format.pixels(content))
        with Image.open(pixel_file, formats=[name]) as image:
            if image.size != size:
                raise damaged(name)
            image.load()
            return orient(image, file_format.exif(content))
    except DECODING_ERRORS as error:
        raise damaged(name) from error


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
