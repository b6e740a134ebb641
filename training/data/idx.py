"""IDX files of unsigned bytes, the format in which MNIST was published, raw or gzip."""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.data.errors import DataError

GZIP_MAGIC = b"\x1f\x8b"
UNSIGNED_BYTE = 0x08
HEADER_BYTES = 4  # before the sizes of the dimensions
SIZE_BYTES = 4  # of each dimension


def find_idx(name: str, folder: Path) -> Path | None:
    """Return the path of the named IDX file, gzip or raw; None if it is absent.

    MNIST's files are also known by names with a dot, such as train-images.idx3-ubyte.
    """
    dotted = name.replace("-idx", ".idx")
    for stem in (name, dotted):
        for path in (folder / f"{stem}.gz", folder / stem):
            if path.is_file():
                return path
    return None


def gunzip(content: bytes, origin: str) -> bytes:
    """Decompress content if it is gzip, else return it unchanged.

    Raises DataError, naming the content's origin, if it is damaged gzip.
    """
    if not content.startswith(GZIP_MAGIC):
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{origin} is truncated or damaged: {error}") from error


def parse_idx(content: bytes, path: Path) -> NDArray[np.uint8]:
    """Parse an IDX file of unsigned bytes, read from ``path``, to a writable array.

    The file is a magic number, the dimensions' sizes as big-endian uint32, the bytes.
    Raises DataError, naming ``path``, for other content or a wrong length.
    """
    shape = parse_header(content, path)
    header_bytes = HEADER_BYTES + SIZE_BYTES * len(shape)
    items = bytearray(content[header_bytes:])
    if len(items) != math.prod(shape):
        raise DataError(
            f"{path} is truncated or damaged: "
            f"{len(items)} bytes, but its header says {shape}"
        )
    flat = np.frombuffer(items, dtype=np.uint8)
    return flat.reshape(shape)


def parse_header(content: bytes, path: Path) -> tuple[int, ...]:
    """Return the array's shape. Raises DataError, naming ``path``, for a bad header."""
    try:
        zeros, item_type, dimensions = struct.unpack_from(">HBB", content)
        shape = struct.unpack_from(f">{dimensions}I", content, HEADER_BYTES)
    except struct.error as error:
        raise DataError(
            f"{path} is truncated or damaged: it ends within its header"
        ) from error
    if (zeros, item_type) != (0, UNSIGNED_BYTE):
        raise DataError(f"{path} is not an IDX file of unsigned bytes")
    return shape
