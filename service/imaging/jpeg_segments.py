"""A JPEG without all that is not its pixels: thumbnails, profiles, texts (ITU-T T.81, annex B)."""

from collections.abc import Iterator

from service.imaging.errors import ImageError, damaged

SIGNATURE = b"\xff\xd8"
MAX_SEGMENTS = 1000  # a picture has about twenty before its pixels
MAX_SCANS = 50  # a picture has ten at most; each empty one costs a few bytes, and a walk over all pixels
SCAN, COMMENT, EXIF, ADOBE, FILL = 0xDA, 0xFE, 0xE1, 0xEE, 0xFF
APPLICATION = range(0xE0, 0xF0)
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # these three are tables


def jpeg_size(content: bytes) -> tuple[int, int]:
    """Width and height that the header of the one frame tells. Raises ImageError."""
    frames = [data for marker, data in segments(content) if marker in FRAMES]
    if len(frames) != 1:
        raise damaged("JPEG")
    return int.from_bytes(frames[0][3:5]), int.from_bytes(frames[0][1:3])


def jpeg_exif(content: bytes) -> bytes:
    """The EXIF data; empty if there is none. Raises ImageError."""
    found = (
        data
        for marker, data in segments(content)
        if marker == EXIF and data.startswith(b"Exif\0\0")
    )
    return next(found, b"").removeprefix(b"Exif\0\0")


def pixel_segments(content: bytes) -> bytes:
    """The same JPEG with frame, tables and scans alone, and what Adobe says of its colours. Raises ImageError."""
    kept = [SIGNATURE]
    for marker, data in segments(content):
        if marker == SCAN:
            kept.append(data)
        elif marker == ADOBE or (marker != COMMENT and marker not in APPLICATION):
            kept.append(bytes([0xFF, marker]) + (len(data) + 2).to_bytes(2) + data)
    return b"".join(kept)


def segments(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and data of each segment before the pixels; last SCAN, with all that is left. Raises ImageError."""
    place = len(SIGNATURE)
    for _ in range(MAX_SEGMENTS):
        if content[place : place + 1] != b"\xff" or place + 4 > len(content):
            raise damaged("JPEG")
        if (
            content[place + 1] == FILL
        ):  # a marker may have any number of these before it: ITU-T T.81, B.1.1.2
            place += 1
            continue
        marker, length = (
            content[place + 1],
            int.from_bytes(content[place + 2 : place + 4]),
        )
        if marker == SCAN:
            scans = content.count(b"\xff\xda", place)
            if scans > MAX_SCANS:
                raise ImageError(f"a JPEG of {scans} scans; the most is {MAX_SCANS}")
            yield marker, content[place:]
            return
        yield marker, content[place + 4 : place + 2 + length]
        place += 2 + length
    raise ImageError(f"a JPEG of more than {MAX_SEGMENTS} segments")
