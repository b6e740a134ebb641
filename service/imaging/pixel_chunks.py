"""A PNG without all that is not its pixels: texts, profiles, further frames (RFC 2083).

Pillow unpacks them before it looks at a pixel: 90 kB of texts take 260 MiB and most of a second. And it keeps them
under their own names beside what it has itself found, so that a text named "transparency" is taken for one.
"""

import struct
import zlib
from collections.abc import Iterator

from service.imaging.errors import ImageError, damaged
from service.imaging.plain_png import END, SIGNATURE, chunk

MAX_CHUNKS = 1000  # a digit has a few; 120,000 empty ones fit into a request, and took Pillow 0.8 s
MAX_COLOURS = 256  # of a palette, so of its transparency too: with more, Pillow fails after it has read the picture
DEPTH = 8  # where the header has it; the colour type comes behind
GREY = 0
STEPS = {2: 85, 4: 17}  # between two levels of grey, by depth, where white is 255
ONCE = (
    b"IHDR",
    b"PLTE",
    b"tRNS",
)  # in the order that they come in, all before the data


def pixel_chunks(content: bytes) -> bytes:
    """The same PNG with header, palette, transparency and data alone, its data in one chunk.

    Of 16 bits, no colour is transparent; of 2 and 4, a transparent grey is as Pillow has its pixels. Raises ImageError
    or struct.error.
    """
    found: dict[bytes, list[bytes]] = {kind: [] for kind in (*ONCE, b"IDAT")}
    for kind, data in chunks(content):
        if kind in found:
            found[kind].append(data)
    if (
        any(len(found[kind]) > 1 for kind in ONCE)
        or len(b"".join(found[b"tRNS"])) > MAX_COLOURS
    ):
        raise damaged("PNG")
    depth, colour_type = struct.unpack_from("BB", b"".join(found[b"IHDR"]), DEPTH)
    if depth == 16:  # noqa: PLR2004 - bits
        found[
            b"tRNS"
        ].clear()  # a colour of 16 bits: Pillow looks for its last eight among pixels cut to their first
    elif colour_type == GREY and depth in STEPS and found[b"tRNS"]:
        (level,) = struct.unpack(
            ">H", found[b"tRNS"][0]
        )  # Pillow looks for it among pixels made 8 bits wide
        found[b"tRNS"] = [struct.pack(">H", level % 2**depth * STEPS[depth])]
    once = [chunk(kind, data) for kind in ONCE for data in found[kind]]
    return b"".join((SIGNATURE, *once, chunk(b"IDAT", b"".join(found[b"IDAT"])), END))


def chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and data of each chunk up to the last, IEND, their checksums right. Raises ImageError."""
    place = len(SIGNATURE)
    for _ in range(MAX_CHUNKS):
        start = place + 8
        end = start + int.from_bytes(content[place : place + 4])
        kind, data = content[place + 4 : start], content[start:end]
        if content[end : end + 4] != zlib.crc32(data, zlib.crc32(kind)).to_bytes(4):
            raise damaged("PNG")
        if kind == b"IEND":
            return
        yield kind, data
        place = end + 4
    raise ImageError(f"a PNG of more than {MAX_CHUNKS} chunks")
