"""The formats that are read: their first bytes, and the size in their header.

Data other than pixels is removed from a file before Pillow reads it, wherever it could
cost time or memory.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    WebPImagePlugin,
)

from service.imaging import (
    gif_blocks,
    jpeg_segments,
    plain_png,
    png_chunks,
    webp_chunks,
)
from service.imaging.errors import ImageError, damaged

UNCOMPRESSED = {0, 3}  # BMP: plain pixels, without and with masks for their bits
MAX_WEBP_PIXELS = 4_000_000  # its decoder holds four copies of an image
# Formats of phones that are not read: brands in the first box of ISO/IEC 14496-12.
HEIF_BRANDS = {
    b"heic": "HEIC",
    b"heix": "HEIC",
    b"hevc": "HEIC",
    b"mif1": "HEIC",
    b"msf1": "HEIC",
    b"avif": "AVIF",
}
OLD_BMP_HEADER = 12  # bytes of the oldest BMP header, which has sizes of 16 bits
MAX_COLOURS = 256  # of a BMP's palette: an index has 8 bits at most


@dataclass(frozen=True, slots=True)
class Format:
    """A file format, and functions that take a whole file of it.

    The functions raise ImageError, IndexError or struct.error for a damaged file.

    Attributes:
        name: Pillow's name of the format.
        signature: First bytes of a file.
        size: Returns width and height.
        pixels: Returns the file reduced to its pixels.
        exif: Returns the EXIF data, empty if there are none.
        max_pixels: Returns the most pixels that are decoded of such a file, besides
            the limit for all; None if there is no other limit.
    """

    name: str
    signature: bytes
    size: Callable[[bytes], tuple[int, int]]
    pixels: Callable[[bytes], bytes] = bytes
    exif: Callable[[bytes], bytes] = lambda _: b""
    max_pixels: Callable[[bytes], int | None] = lambda _: None


def bmp_size(content: bytes) -> tuple[int, int]:
    """Return width and height; a negative height means that rows come from the top.

    Raises ImageError for a compressed BMP, because a few bytes of one can make Pillow's
    decoder allocate a gigabyte, and for a palette of more colours than pixels can name:
    Pillow goes through as many as the header says, whether or not the file has them.
    """
    (header_bytes,) = struct.unpack_from("<I", content, 14)
    if header_bytes == OLD_BMP_HEADER:
        width, height = struct.unpack_from("<HH", content, 18)
        return width, height
    width, height = struct.unpack_from("<ii", content, 18)
    (compression,) = struct.unpack_from("<I", content, 30)
    if compression not in UNCOMPRESSED:
        raise ImageError("a compressed BMP")
    (colours,) = struct.unpack_from("<I", content, 46)
    if colours > MAX_COLOURS:
        raise damaged("BMP")
    return width, abs(height)


FORMATS = (
    Format(
        name=PngImagePlugin.PngImageFile.format,
        signature=plain_png.SIGNATURE,
        size=png_chunks.png_size,
        pixels=png_chunks.pixel_chunks,
        exif=png_chunks.png_exif,
    ),
    Format(
        name=JpegImagePlugin.JpegImageFile.format,
        signature=jpeg_segments.SIGNATURE,
        size=jpeg_segments.jpeg_size,
        pixels=jpeg_segments.pixel_segments,
        exif=jpeg_segments.jpeg_exif,
        max_pixels=jpeg_segments.max_jpeg_pixels,
    ),
    Format(
        name=WebPImagePlugin.WebPImageFile.format,
        signature=webp_chunks.SIGNATURE,
        size=webp_chunks.webp_size,
        exif=webp_chunks.webp_exif,
        max_pixels=lambda _: MAX_WEBP_PIXELS,
    ),
    Format(
        name=BmpImagePlugin.BmpImageFile.format,
        signature=b"BM",
        size=bmp_size,
    ),
    Format(
        name=GifImagePlugin.GifImageFile.format,
        signature=gif_blocks.SIGNATURE,
        size=gif_blocks.gif_size,
        pixels=gif_blocks.first_frame,
    ),
)


def find_format(content: bytes) -> Format:
    """Return the format that a file's first bytes belong to. Raises ImageError."""
    for file_format in FORMATS:
        if content.startswith(file_format.signature):
            return file_format
    if content[4:8] == b"ftyp" and content[8:12] in HEIF_BRANDS:
        name = HEIF_BRANDS[content[8:12]]
        raise ImageError(f"{name} is not read; send the image as a JPEG or PNG")
    raise ImageError("not a PNG, JPEG, WebP, BMP or GIF")
