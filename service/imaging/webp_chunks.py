"""Size and EXIF data of a WebP (RFC 9649)."""

import struct

from service.imaging.errors import damaged

SIGNATURE = b"RIFF"
HEADER_BYTES = 12  # signature, length, "WEBP"
CHUNK_HEADER_BYTES = 8  # type, length
MAX_CHUNKS = 1000
SIZE_BITS = 14  # of width and height in a frame
SIZE_MASK = 2**SIZE_BITS - 1
EXIF_PREFIX = b"Exif\0\0"  # as in a JPEG; written by some programs


def webp_size(content: bytes) -> tuple[int, int]:
    """Return width and height of the canvas, or of the only frame.

    Pillow allocates the canvas as it opens a file. Raises ImageError or struct.error.
    """
    kind = content[12:16]
    data = content[20:30]
    if content[8:12] != b"WEBP":
        raise damaged("WEBP")
    if kind == b"VP8X":
        width = int.from_bytes(data[4:7], "little") + 1
        height = int.from_bytes(data[7:10], "little") + 1
        return width, height
    if kind == b"VP8L":
        bits = int.from_bytes(data[1:5], "little")
        width = (bits & SIZE_MASK) + 1
        height = (bits >> SIZE_BITS & SIZE_MASK) + 1
        return width, height
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 6)
        return width & SIZE_MASK, height & SIZE_MASK
    raise damaged("WEBP")


def webp_exif(content: bytes) -> bytes:
    """Return the data of the EXIF chunk; empty if there is none."""
    position = HEADER_BYTES
    for _ in range(MAX_CHUNKS):
        kind = content[position : position + 4]
        start = position + CHUNK_HEADER_BYTES
        length = int.from_bytes(content[position + 4 : start], "little")
        end = start + length
        if kind == b"EXIF":
            return content[start:end].removeprefix(EXIF_PREFIX)
        position = end + length % 2
    return b""
