"""PNGs as lists of chunks: valid images, and conversion to and from files."""

import base64
import struct
import zlib
from random import Random

from fuzz.case import HEIGHT, WIDTH
from service.imaging.plain_png import SIGNATURE, chunk

Chunks = list[tuple[bytes, bytes]]  # type and content of each
PixelFormat = tuple[int, int]  # bit depth and colour type

GREY, COLOUR, PALETTE, GREY_AND_ALPHA, COLOUR_AND_ALPHA = 0, 2, 3, 4, 6
BIT_DEPTHS = {
    GREY: (1, 2, 4, 8, 16),
    PALETTE: (1, 2, 4, 8),
}
WIDE_DEPTHS = (8, 16)
WIDE_COLOURS = (COLOUR, GREY_AND_ALPHA, COLOUR_AND_ALPHA)
FILTERS = bytes(value % 5 for value in range(256))
CHUNK_OVERHEAD = 12  # length, type and checksum


def pixel_formats() -> list[PixelFormat]:
    """Return the bit depths and colour types that may be combined."""
    formats = []
    for colour, depths in BIT_DEPTHS.items():
        formats += [(depth, colour) for depth in depths]
    for depth in WIDE_DEPTHS:
        formats += [(depth, colour) for colour in WIDE_COLOURS]
    return formats


PIXEL_FORMATS = pixel_formats()


def content_of(chunks: Chunks) -> bytes:
    """Return the PNG of these chunks, with valid checksums."""
    parts = [chunk(kind, content) for kind, content in chunks]
    return SIGNATURE + b"".join(parts)


def chunks_of(text: bytes) -> Chunks:
    """Return the chunks of a base64 PNG; an empty list if it cannot be read."""
    try:
        content = base64.b64decode(text.rpartition(b",")[2])
    except ValueError:
        return []
    chunks = []
    place = len(SIGNATURE)
    while place + CHUNK_OVERHEAD <= len(content):
        start = place + 8
        length = int.from_bytes(content[place : place + 4])
        end = start + length
        kind = content[place + 4 : start]
        data = content[start:end]
        chunks.append((kind, data))
        place = end + 4
    return chunks


def new_png(random: Random) -> Chunks:
    """Return a valid PNG of the model's size, in any pixel format."""
    depth, colour = random.choice(PIXEL_FORMATS)
    palette = []
    if colour == PALETTE:
        entries = random.randbytes(3 << depth)
        palette.append((b"PLTE", entries))
    size = WIDTH, HEIGHT
    start = header(size, (depth, colour), random)
    data = zlib.compress(pixels(random), 1)
    return [
        (b"IHDR", start),
        *palette,
        (b"IDAT", data),
        (b"IEND", b""),
    ]


def header(
    size: tuple[int, int],
    pixel_format: PixelFormat,
    random: Random,
) -> bytes:
    """Return the content of IHDR, interlaced at random."""
    interlaced = random.randint(0, 1)
    values = *size, *pixel_format, 0, 0, interlaced
    return struct.pack(">IIBBBBB", *values)


def pixels(random: Random) -> bytes:
    """Return enough data for the largest pixel format.

    All bytes are 0 to 4, so that every row begins with a valid filter.
    """
    row = WIDTH * 8 + 8
    data = random.randbytes(HEIGHT * row)
    return data.translate(FILTERS)
