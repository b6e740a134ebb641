"""Segments of a JPEG (ITU-T T.81, annex B), and a JPEG reduced to its pixels.

Thumbnails, profiles and texts are left out.
"""

from collections.abc import Iterator

from service.imaging.errors import ImageError, damaged

SIGNATURE = b"\xff\xd8"
MAX_SEGMENTS = 1000  # an image has about 20 before its pixels
# An image has 10 at most. An empty scan has a few bytes, and decoding it takes time for
# each pixel.
MAX_SCANS = 50
FEW_SCANS = 4  # a phone's JPEG has one, others one for each channel
MAX_SCANNED_PIXELS = 50_000_000  # of all scans
MARKER_PREFIX = 0xFF
SCAN, COMMENT, EXIF, ADOBE = 0xDA, 0xFE, 0xE1, 0xEE
SCAN_START = bytes([MARKER_PREFIX, SCAN])
APPLICATION = range(0xE0, 0xF0)
TABLES = {0xC4, 0xC8, 0xCC}
FRAMES = set(range(0xC0, 0xD0)) - TABLES
EXIF_PREFIX = b"Exif\0\0"


def jpeg_size(content: bytes) -> tuple[int, int]:
    """Return width and height from the header of the one frame. Raises ImageError."""
    frames = []
    for marker, data in segments(content):
        if marker in FRAMES:
            frames.append(data)
    if len(frames) != 1:
        raise damaged("JPEG")
    (frame,) = frames
    height = int.from_bytes(frame[1:3])
    width = int.from_bytes(frame[3:5])
    return width, height


def max_jpeg_pixels(content: bytes) -> int | None:
    """Return the most pixels that a JPEG may have by its scans; None if it has few.

    A progressive JPEG has about ten scans, and decoding takes time for each. Raises
    ImageError for more than an image has.
    """
    scans = content.count(SCAN_START)  # 6 ms for 8 MB
    if scans > MAX_SCANS:
        raise ImageError(f"a JPEG of {scans} scans; at most {MAX_SCANS} are allowed")
    return MAX_SCANNED_PIXELS // scans if scans > FEW_SCANS else None


def jpeg_exif(content: bytes) -> bytes:
    """Return the EXIF data; empty if there are none. Raises ImageError."""
    for marker, data in segments(content):
        if marker == EXIF and data.startswith(EXIF_PREFIX):
            return data.removeprefix(EXIF_PREFIX)
    return b""


def pixel_segments(content: bytes) -> bytes:
    """Return the JPEG with frame, tables and scans only.

    Adobe's segment is kept, because it says how colours are coded. Raises ImageError.
    """
    parts = [SIGNATURE]
    for marker, data in segments(content):
        if marker == SCAN:
            parts.append(data)
        elif is_needed(marker):
            length = len(data) + 2
            parts.append(bytes([MARKER_PREFIX, marker]))
            parts.append(length.to_bytes(2))
            parts.append(data)
    return b"".join(parts)


def is_needed(marker: int) -> bool:
    """Return whether pixels depend on segments of this marker."""
    if marker == ADOBE:
        return True
    return marker != COMMENT and marker not in APPLICATION


def segments(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield marker and data of each segment before the pixels, then SCAN and the rest.

    Raises ImageError for a damaged JPEG, and for too many segments.
    """
    position = len(SIGNATURE)
    for _ in range(MAX_SEGMENTS):
        header = content[position : position + 4]
        if len(header) != 4 or header[0] != MARKER_PREFIX:  # noqa: PLR2004 - as sliced
            raise damaged("JPEG")
        marker = header[1]
        if marker == MARKER_PREFIX:
            # Any number of them may come before a marker: ITU-T T.81, B.1.1.2.
            position += 1
            continue
        if marker == SCAN:
            yield marker, content[position:]
            return
        data_start = position + 4
        position += 2 + int.from_bytes(header[2:])
        yield marker, content[data_start:position]
    raise ImageError(f"a JPEG of more than {MAX_SEGMENTS} segments")
