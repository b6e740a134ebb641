"""The formats that are read: known by their first bytes, their size told by their header before anything is decoded.

What a file holds beside its pixels is left out before Pillow sees it, wherever that would cost time or memory.
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

from service.imaging import jpeg_segments
from service.imaging.errors import ImageError, damaged
from service.imaging.jpeg_segments import jpeg_exif, jpeg_size, pixel_segments
from service.imaging.pixel_chunks import chunks, pixel_chunks
from service.imaging.plain_png import SIGNATURE as PNG_SIGNATURE

UNCOMPRESSED = {0, 3}  # a BMP's pixels as they are, in this order of bits or another
OLD_HEADER = 12  # bytes of the oldest BMP header, whose sizes have 16 bits
MAX_BLOCKS = 1000  # of a GIF before its first frame, or of a WebP
GIF_HEADER = 13
GIF_CONTROL = b"!\xf9\x04"


@dataclass(frozen=True, slots=True)
class Format:
    """A format: how it begins, and its width and height, pixels alone and EXIF data, each from a whole file.

    These raise ImageError, IndexError or struct.error for what is damaged.
    """

    name: str  # Pillow's
    beginning: bytes
    size: Callable[[bytes], tuple[int, int]]
    pixels: Callable[[bytes], bytes] = bytes
    exif: Callable[[bytes], bytes] = lambda _: b""


def png_size(content: bytes) -> tuple[int, int]:
    """Width and height in the header, which comes first."""
    kind, width, height = struct.unpack_from(">4sII", content, len(PNG_SIGNATURE) + 4)
    if kind != b"IHDR":
        raise damaged("PNG")
    return width, height


def png_exif(content: bytes) -> bytes:
    """The EXIF chunk (PNG 3, 11.3.4.5)."""
    return next((data for kind, data in chunks(content) if kind == b"eXIf"), b"")


def webp_size(content: bytes) -> tuple[int, int]:
    """Width and height of the canvas, or of the one frame (RFC 9649): Pillow makes the canvas as it opens a file."""
    kind, data = content[12:16], content[20:30]
    if content[8:12] == b"WEBP":
        if kind == b"VP8X":
            return int.from_bytes(data[4:7], "little") + 1, int.from_bytes(
                data[7:10], "little"
            ) + 1
        if kind == b"VP8L":
            bits = int.from_bytes(data[1:5], "little")
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        if kind == b"VP8 ":
            width, height = struct.unpack_from("<HH", data, 6)
            return width & 0x3FFF, height & 0x3FFF
    raise damaged("WEBP")


def webp_exif(content: bytes) -> bytes:
    """The chunk of that name."""
    place = 12
    for _ in range(MAX_BLOCKS):
        kind, size = (
            content[place : place + 4],
            int.from_bytes(content[place + 4 : place + 8], "little"),
        )
        if kind == b"EXIF":
            return content[place + 8 : place + 8 + size].removeprefix(b"Exif\0\0")
        place += 8 + size + size % 2
    return b""


def bmp_size(content: bytes) -> tuple[int, int]:
    """Width and height; a height below 0 means that rows come from the top. Compressed ones are refused.

    A file of a few bytes can tell Pillow's decoder of compressed ones to make a gigabyte.
    """
    (header,) = struct.unpack_from("<I", content, 14)
    if header == OLD_HEADER:
        width, height = struct.unpack_from("<HH", content, 18)
        return width, height
    width, height, _, _, compression = struct.unpack_from("<iiHHI", content, 18)
    if compression not in UNCOMPRESSED:
        raise ImageError("a compressed BMP")
    return width, abs(height)


def gif_size(content: bytes) -> tuple[int, int]:
    """Width and height of the screen that all frames are on."""
    width, height = struct.unpack_from("<HH", content, 6)
    return width, height


def first_frame(content: bytes) -> bytes:
    """The same GIF without what comes before its first frame, but for its colours and which of them is transparent.

    A frame that reaches out of the screen is refused: Pillow would make the screen larger.
    """
    place = colours_end = after_colours(content)
    control = b""
    for _ in range(MAX_BLOCKS):
        if content[place] == ord(","):
            left, top, width, height = struct.unpack_from("<HHHH", content, place + 1)
            screen_width, screen_height = gif_size(content)
            if left + width > screen_width or top + height > screen_height:
                break
            return content[:colours_end] + control + content[place:]
        if content[place] != ord("!"):
            break
        if content.startswith(
            GIF_CONTROL, place
        ):  # its other flags are for what follows the frame
            control = (
                GIF_CONTROL
                + bytes([content[place + 3] & 1])
                + content[place + 4 : place + 7]
                + b"\0"
            )
        place = after_blocks(content, place + 2)
    raise damaged("GIF")


def after_colours(content: bytes) -> int:
    """Where a GIF goes on after its header and its colours, if it says that there are any."""
    flags = content[10]
    return GIF_HEADER + (6 << (flags & 7) if flags & 0x80 else 0)


def after_blocks(content: bytes, place: int) -> int:
    """Where a GIF goes on after blocks of data, the last of them empty."""
    while content[place]:
        place += 1 + content[place]
    return place + 1


FORMATS = (
    Format(
        PngImagePlugin.PngImageFile.format,
        PNG_SIGNATURE,
        png_size,
        pixel_chunks,
        png_exif,
    ),
    Format(
        JpegImagePlugin.JpegImageFile.format,
        jpeg_segments.SIGNATURE,
        jpeg_size,
        pixel_segments,
        jpeg_exif,
    ),
    Format(WebPImagePlugin.WebPImageFile.format, b"RIFF", webp_size, exif=webp_exif),
    Format(BmpImagePlugin.BmpImageFile.format, b"BM", bmp_size),
    Format(GifImagePlugin.GifImageFile.format, b"GIF8", gif_size, first_frame),
)


def format_of(content: bytes) -> Format:
    """The format that a file begins like. Raises ImageError."""
    for known in FORMATS:
        if content.startswith(known.beginning):
            return known
    raise ImageError("not a PNG, JPEG, WebP, BMP or GIF")
