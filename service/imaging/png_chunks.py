"""Chunks of a PNG (RFC 2083), and a PNG reduced to the chunks of its pixels.

Pillow unpacks all other chunks before it looks at a pixel: 90 kB of texts take 260 MiB
and most of a second. It also keeps texts in the same dictionary as its own findings, so
that a text named "transparency" is mistaken for a transparency.
"""

import struct
from collections.abc import Iterator

from zlib_ng import zlib_ng

from service.imaging.errors import ImageError, damaged
from service.imaging.plain_png import (
    CHECKSUM_BYTES,
    END,
    HEAD_BYTES,
    LENGTH_BYTES,
    SIGNATURE,
    chunk,
)

# An image has a few chunks; 120,000 empty ones fit into a request, and took Pillow
# 0.8 s.
MAX_CHUNKS = 1000
# Colours of a palette, and therefore transparency values: with more, Pillow fails after
# it has decoded the pixels.
MAX_COLOURS = 256
DEPTH_OFFSET = 8  # of the bit depth in the header; the colour type follows
MAX_DEPTH = 16
GREY = 0  # colour type
GREY_STEPS = {2: 85, 4: 17}  # between two grey levels by depth, where white is 255
UNIQUE_TYPES = {b"IHDR", b"PLTE", b"tRNS"}
ORDER = (b"IHDR", b"PLTE", b"tRNS", b"IDAT")


def chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield type and data of each chunk before the last, IEND.

    Raises ImageError for a wrong checksum, a missing IEND or too many chunks.
    """
    position = len(SIGNATURE)
    for _ in range(MAX_CHUNKS):
        type_start = position + LENGTH_BYTES
        length = int.from_bytes(content[position:type_start])
        data_start = position + HEAD_BYTES
        data_end = data_start + length
        position = data_end + CHECKSUM_BYTES
        kind = content[type_start:data_start]
        data = content[data_start:data_end]
        checksum = zlib_ng.crc32(data, zlib_ng.crc32(kind))
        if content[data_end:position] != checksum.to_bytes(CHECKSUM_BYTES):
            raise damaged("PNG")
        if kind == b"IEND":
            return
        yield kind, data
    raise ImageError(f"a PNG of more than {MAX_CHUNKS} chunks")


def png_size(content: bytes) -> tuple[int, int]:
    """Return width and height from the header, which is the first chunk."""
    position = len(SIGNATURE) + LENGTH_BYTES
    kind, width, height = struct.unpack_from(">4sII", content, position)
    if kind != b"IHDR":
        raise damaged("PNG")
    return width, height


def png_exif(content: bytes) -> bytes:
    """Return the EXIF data (PNG 3, 11.3.4.5); empty if there are none."""
    for kind, data in chunks(content):
        if kind == b"eXIf":
            return data
    return b""


def pixel_chunks(content: bytes) -> bytes:
    """Return the PNG with header, palette, transparency and data only, in one IDAT.

    Raises ImageError or struct.error for a damaged PNG.
    """
    unique: dict[bytes, bytes] = {}
    data_parts = []
    for kind, data in chunks(content):
        if kind == b"IDAT":
            data_parts.append(data)
        elif kind in UNIQUE_TYPES:
            if kind in unique:
                raise damaged("PNG")
            unique[kind] = data

    header = unique.get(b"IHDR", b"")
    depth, colour_type = struct.unpack_from("BB", header, DEPTH_OFFSET)
    if b"tRNS" in unique:
        transparency = fix_transparency(unique.pop(b"tRNS"), depth, colour_type)
        if transparency is not None:
            unique[b"tRNS"] = transparency

    unique[b"IDAT"] = b"".join(data_parts)
    parts = [chunk(kind, unique[kind]) for kind in ORDER if kind in unique]
    return SIGNATURE + b"".join(parts) + END


def fix_transparency(
    data: bytes,
    depth: int,
    colour_type: int,
) -> bytes | None:
    """Return a tRNS chunk's data as Pillow reads them correctly; None for no chunk.

    Raises ImageError or struct.error for damaged data.
    """
    if len(data) > MAX_COLOURS:
        raise damaged("PNG")
    if depth == MAX_DEPTH:
        # Pillow compares the colour's low 8 bits with pixels cut to their high 8 bits.
        return None
    if colour_type == GREY and depth in GREY_STEPS:
        # Pillow compares the grey with pixels that it has widened to 8 bits.
        (value,) = struct.unpack(">H", data)
        level = value % 2**depth
        return struct.pack(">H", level * GREY_STEPS[depth])
    return data
