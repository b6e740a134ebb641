"""From a picture's file, or its base64 text, to grey pixels."""

import binascii
import functools
import io
import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.imaging.errors import ImageError, damaged
from service.imaging.fit import UNTOUCHED, Preprocessing, fit_image
from service.imaging.formats import format_of
from service.imaging.orientation import upright
from service.imaging.plain_png import (
    beginning,
    longest,
    read_plain_png,
    read_plain_pngs,
)

MAX_PREFIX = 100  # characters of a data URI before its base64
# What Pillow's readers raise for a damaged file, and ours for one that ends too early.
DECODING_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    IndexError,
    struct.error,
    Image.DecompressionBombError,
)


class DecodedImage(NamedTuple):
    """Grey pixels, uint8 (height, width), 0 black, what was done to bring an image to them, and how many it had.

    source_pixels: as it came; 0 where none had to be decoded, of a plain PNG.
    """

    pixels: NDArray[np.uint8]
    fitted: Preprocessing
    source_pixels: int


def read_image(
    content: str | bytes, height: int, width: int, max_pixels: int, fit: object
) -> DecodedImage:
    """Read a PNG, JPEG, WebP, BMP or GIF, whatever its mode, as white ink on black of the size asked for.

    A text is base64, with or without a data-URI prefix. An image is turned as its EXIF says. One of that size is then
    left as it is, its transparency black; others are fitted as ``fit_image`` says. Raises ImageError for anything else;
    format and size are read from the header, so that an image of more than ``max_pixels`` is refused before it is
    decoded.
    """
    if isinstance(content, str):
        content = decode_base64(content)
    plain = read_plain_png(content, height, width)
    if plain is not None:
        return DecodedImage(plain, UNTOUCHED, 0)
    image, oriented = decode(content, max_pixels)
    return DecodedImage(
        *fit_image(image, height, width, fit, oriented=oriented),
        image.width * image.height,
    )


def read_plain_images(
    contents: Sequence[str | bytes], height: int, width: int
) -> list[DecodedImage | str | bytes]:
    """Plain PNGs of that size, read together; what is not one stays as it is, for ``read_image`` to say why."""
    if not look_like_plain_pngs(contents, height, width):
        return [*contents]
    try:
        files = [
            decode_base64(content) if isinstance(content, str) else content
            for content in contents
        ]
    except ImageError:
        return [*contents]
    plain = read_plain_pngs(files, height, width)
    return [
        content if pixels is None else DecodedImage(pixels, UNTOUCHED, 0)
        for content, pixels in zip(contents, plain, strict=True)
    ]


def look_like_plain_pngs(contents: Sequence[object], height: int, width: int) -> bool:
    """Tell whether all pictures begin as plain PNGs of that size do, and are no longer: they are read in no time."""
    start, most = beginning(height, width), longest(height, width)
    text_start, most_text = (
        text_beginning(height, width),
        MAX_PREFIX + 4 * (most + 2) // 3,
    )
    for content in contents:
        if isinstance(content, str):
            if len(content) > most_text or not (
                content.startswith(text_start)
                or content.startswith(text_start, content.find(",", 0, MAX_PREFIX) + 1)
            ):
                return False
        elif (
            not isinstance(content, bytes)
            or len(content) > most
            or not content.startswith(start)
        ):
            return False
    return True


@functools.cache
def text_beginning(height: int, width: int) -> str:
    """How the base64 of such a PNG begins: 33 bytes are whole groups of it."""
    return binascii.b2a_base64(beginning(height, width), newline=False).decode("ascii")


def decode_base64(text: str) -> bytes:
    """The bytes of standard, padded base64 without line breaks. Raises ImageError."""
    if text.startswith("data:"):
        prefix, _, text = text.partition(",")
        if not prefix.endswith(";base64"):
            raise ImageError("a data URI without base64")
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError as error:
        raise ImageError(
            "not base64 (standard alphabet, padded, no line breaks)"
        ) from error


def decode(content: bytes, max_pixels: int) -> tuple[Image.Image, bool]:
    """The first picture of a file, the right way up, and whether it was turned for that. Raises ImageError."""
    known = format_of(content)
    try:
        size = known.size(content)
        check_size(*size, max_pixels)
        with Image.open(
            io.BytesIO(known.pixels(content)), formats=(known.name,)
        ) as image:
            if image.size != size:
                raise damaged(known.name)
            image.load()
            return upright(image, known.exif(content))
    except DECODING_ERRORS as error:
        raise damaged(known.name) from error


def check_size(width: int, height: int, most: int) -> None:
    """Refuse a picture without pixels, or of too many. Raises ImageError."""
    if not 0 < width * height <= most:
        raise ImageError(
            f"{width} x {height} pixels; must have 1 to {most} (VAE_MAX_IMAGE_PIXELS)"
        )
