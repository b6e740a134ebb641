"""From base64 text to grey pixels."""

import binascii
import io
import struct

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.imaging.errors import DAMAGED, ImageError
from service.imaging.pixel_chunks import pixel_chunks
from service.imaging.plain_png import SIGNATURE, read_plain_png

PNG_HEADER = struct.Struct(">8sI4sII")  # signature, then the first chunk's length, its type, width and height
# What Pillow's PNG reader raises for a damaged file.
DECODING_ERRORS = (OSError, SyntaxError, ValueError)


def read_png(text: str, height: int, width: int) -> NDArray[np.uint8]:
    """Read a base64 PNG, with or without a data-URI prefix, as grey pixels uint8 (height, width), 0 black.

    Transparency shows black, the model's paper. Raises ImageError for anything else; the size is read from the
    header, so that a larger picture is refused before it is decoded.
    """
    content = decode_base64(text)
    plain = read_plain_png(content, height, width)
    if plain is not None:
        return plain
    found_width, found_height = png_size(content)
    if (found_height, found_width) != (height, width):
        raise ImageError(f"{found_width} x {found_height} pixels; the model takes {width} x {height} (width x height)")
    try:
        with Image.open(io.BytesIO(pixel_chunks(content)), formats=("PNG",)) as image:
            return grey_from_image(image)
    except DECODING_ERRORS as error:
        raise ImageError(DAMAGED) from error


def decode_base64(text: str) -> bytes:
    """The bytes of standard, padded base64 without line breaks. Raises ImageError."""
    if text.startswith("data:"):
        prefix, _, text = text.partition(",")
        if not prefix.endswith(";base64"):
            raise ImageError("a data URI without base64")
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError as error:
        raise ImageError("not base64 (standard alphabet, padded, no line breaks)") from error


def png_size(content: bytes) -> tuple[int, int]:
    """Width and height that a PNG's header tells. Raises ImageError when it is not a PNG."""
    if len(content) >= PNG_HEADER.size:
        signature, _, kind, width, height = PNG_HEADER.unpack_from(content)
        if signature == SIGNATURE and kind == b"IHDR":
            return width, height
    raise ImageError("not a PNG")


def grey_from_image(image: Image.Image) -> NDArray[np.uint8]:
    """Any mode that a PNG opens in, as 8-bit grey."""
    if image.mode.startswith("I"):  # 16-bit grey: 257 steps of it make one of 8 bits
        return ((np.asarray(image, dtype=np.uint32) + 128) // 257).astype(np.uint8)
    if image.mode == "P" and image.palette is None:
        raise ImageError("a PNG without the palette that its pixels point to")
    if image.has_transparency_data:
        paper = Image.new("RGBA", image.size, "black")
        image = Image.alpha_composite(paper, image.convert("RGBA"))
    return np.asarray(image.convert("L"))
