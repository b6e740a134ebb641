"""Plain PNGs: 8-bit grey or RGB, not interlaced, all data in one IDAT (RFC 2083).

Nearly all images of requests have this form, and all images of responses. They are read
and written here because Pillow takes several times as long around its codecs as the
codecs themselves take.
"""

import binascii
import functools
import struct
from collections.abc import Sequence

import numpy as np
from PIL import Image
from zlib_ng import zlib_ng

from service.imaging.pixels import MODES, ImageShape, Pixels

SIGNATURE = b"\x89PNG\r\n\x1a\n"
LENGTH_BYTES = 4  # at the start of a chunk
HEAD_BYTES = 8  # length and type of a chunk, before its data
CHECKSUM_BYTES = 4  # after its data
COLOUR_TYPES = {1: 0, 3: 2}  # grey and RGB, by the number of channels
PAETH = 4  # the highest filter type
MAX_PREFIX = 100  # characters of a data URI before its base64
# Measured on 200 reconstructions: 3.5 us and 293 bytes each; zlib's level 1 takes 22 us
# for 287 bytes, its default level 24 us for 273. Filtered rows come out larger at every
# level.
DEFLATE_LEVEL = 1
# A window as large as the image: the largest takes a sixth longer for a digit.
MIN_WINDOW_BITS = 10
MAX_WINDOW_BITS = 15


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk: length, type, data, checksum."""
    length = len(data).to_bytes(LENGTH_BYTES)
    checksum = zlib_ng.crc32(data, zlib_ng.crc32(kind))
    return b"".join((length, kind, data, checksum.to_bytes(CHECKSUM_BYTES)))


END = chunk(b"IEND", b"")


@functools.cache
def plain_header(
    channels: int,
    height: int,
    width: int,
) -> bytes:
    """Return signature and header of a plain PNG; ``channels`` are 1 or 3."""
    colour_type = COLOUR_TYPES[channels]
    header = struct.pack(
        ">IIBBBBB",
        width,
        height,
        8,  # bits a channel
        colour_type,
        0,  # compression: deflate
        0,  # filter method: a type for each row
        0,  # not interlaced
    )
    return SIGNATURE + chunk(b"IHDR", header)


class PlainPngReader:
    """Reader of the plain PNGs of one shape."""

    def __init__(self, shape: ImageShape) -> None:
        self._shape = shape
        self._mode = MODES[shape.channels]
        # A row begins with its filter type.
        row_bytes = 1 + shape.width * shape.channels
        image_bytes = shape.height * row_bytes
        header = plain_header(shape.channels, shape.height, shape.width)
        # The longest code of deflate takes 9 bits for a byte.
        max_bytes = image_bytes + image_bytes // 8 + 100
        self._row_bytes = row_bytes
        self._image_bytes = image_bytes
        self._header = header
        self._max_bytes = max_bytes
        # 33 bytes: 11 whole groups of base64, which do not depend on what follows.
        self._text_header = binascii.b2a_base64(header, newline=False).decode("ascii")
        self._max_text = MAX_PREFIX + 4 * (max_bytes + 2) // 3

    def are_plain(self, contents: Sequence[object]) -> bool:
        """Return whether all items have the first bytes and the size of a plain PNG.

        Items are files, or base64 with or without the prefix of a data URI. They may
        still be damaged.
        """
        text_header = self._text_header
        max_text = self._max_text
        for content in contents:
            if isinstance(content, str):
                if len(content) > max_text:
                    return False
                if content.startswith(text_header):
                    continue
                if not self._is_data_uri(content):
                    return False
            elif not self._is_plain_file(content):
                return False
        return True

    def _is_data_uri(self, text: str) -> bool:
        """Return whether the header's base64 follows the prefix of a data URI."""
        prefix_end = text.find(",", 0, MAX_PREFIX) + 1
        return text.startswith(self._text_header, prefix_end)

    def _is_plain_file(self, content: object) -> bool:
        if not isinstance(content, bytes):
            return False
        if len(content) > self._max_bytes:
            return False
        return content.startswith(self._header)

    def read(self, content: bytes) -> Pixels | None:
        """Return the pixels of a plain PNG; None for any other content."""
        data = self._compressed_rows(content)
        if data is None:
            return None
        try:
            pixels = self._unfilter(data, self._shape.height)
        except ValueError:
            return None
        return pixels.transpose(2, 0, 1)

    def read_all(self, contents: Sequence[bytes]) -> Pixels | None:
        """Return the pixels of plain PNGs; None if any item is not one.

        They are uint8 (count, channels, height, width).

        The rows of all are unfiltered in one call: 4 us each for 64 instead of 10 us.
        """
        # Filters use the row above: a blank row keeps it from being another image's.
        blank_row = bytes(self._row_bytes)
        parts = []
        for content in contents:
            rows = self._inflate(content)
            if rows is None:
                return None
            parts.append(rows)
            parts.append(blank_row)
        stacked = b"".join(parts)
        filter_types = np.frombuffer(stacked, np.uint8)[:: self._row_bytes]
        if filter_types.max() > PAETH:
            return None
        stream = zlib_ng.compress(stacked, level=0)
        count = len(contents)
        height = self._shape.height + 1
        pixels = self._unfilter(stream, count * height)
        images = pixels.reshape(count, height, self._shape.width, -1)
        without_blank_row = images[:, :-1]
        return without_blank_row.transpose(0, 3, 1, 2)

    def _compressed_rows(self, content: bytes) -> bytes | None:
        """Return the data of a plain PNG; None for any other content."""
        start = len(self._header) + HEAD_BYTES
        end = -len(END) - CHECKSUM_BYTES
        data = content[start:end]
        expected = self._header + chunk(b"IDAT", data) + END
        return data if content == expected else None

    def _inflate(self, content: bytes) -> bytes | None:
        """Return a plain PNG's rows, each after its filter type.

        None for any other content, damaged data, and too few or too many rows.
        """
        data = self._compressed_rows(content)
        if data is None:
            return None
        inflater = zlib_ng.decompressobj()
        # One byte more than valid data has: more is never unpacked.
        limit = self._image_bytes + 1
        try:
            rows: bytes = inflater.decompress(data, limit)
        except zlib_ng.error:  # type: ignore[misc]  # its stub has no class
            return None
        if not inflater.eof or inflater.unused_data:
            return None
        return rows if len(rows) == self._image_bytes else None

    def _unfilter(self, stream: bytes, height: int) -> Pixels:
        """Return pixels (height, width, channels) from compressed rows.

        Raises ValueError for damaged rows.
        """
        mode = self._mode
        width = self._shape.width
        image = Image.frombytes(mode, (width, height), stream, "zip", mode, 0)
        content = image.tobytes()
        pixels = np.frombuffer(content, np.uint8)
        return pixels.reshape(height, width, self._shape.channels)


def write_pngs(images: Pixels) -> list[bytes]:
    """Return each image as an 8-bit PNG, grey or RGB by the number of channels."""
    _, channels, height, width = images.shape
    header = plain_header(channels, height, width)
    compressed = compress_rows(images)
    return [header + chunk(b"IDAT", data) + END for data in compressed]


def compress_rows(images: Pixels) -> list[bytes]:
    """Return the data of each image's PNG: its rows, unfiltered, compressed."""
    count, channels, height, width = images.shape
    row_bytes = 1 + width * channels
    # A row begins with its filter type: 0 is none.
    shape = (count, height, row_bytes)
    rows = np.zeros(shape, np.uint8)
    channels_last = images.transpose(0, 2, 3, 1)
    rows[:, :, 1:] = channels_last.reshape(count, height, -1)
    window_bits = deflate_window_bits(height * row_bytes)
    return [zlib_ng.compress(image, DEFLATE_LEVEL, window_bits) for image in rows]


@functools.cache
def deflate_window_bits(image_bytes: int) -> int:
    """Return the binary logarithm of a window that holds an image, within bounds."""
    bits = image_bytes.bit_length()
    return min(max(bits, MIN_WINDOW_BITS), MAX_WINDOW_BITS)
