"""Orientation of an image by its EXIF data."""

import struct

from PIL import Image

ORIENTATION = 0x0112  # TIFF 6.0's tag
STORED_UPRIGHT = 1
ENTRY_BYTES = 12
VALUE_OFFSET = 8  # in an entry
INTEGERS = {3: "H", 4: "I"}  # of 16 and 32 bits, by TIFF's number of the type
BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
# From the image as stored to the image upright; there is none for STORED_UPRIGHT.
TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def orient(image: Image.Image, exif: bytes) -> tuple[Image.Image, bool]:
    """Return the image upright, and whether it was turned or mirrored for that."""
    transposition = TRANSPOSITIONS.get(read_orientation(exif))
    if transposition is None:
        return image, False
    return image.transpose(transposition), True


def read_orientation(exif: bytes) -> int:
    """Return the orientation in EXIF's first directory; 1, upright, if unreadable."""
    order = BYTE_ORDERS.get(exif[:4])
    if order is None:
        return STORED_UPRIGHT
    try:
        (directory,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, directory)
        first = directory + 2
        end = first + ENTRY_BYTES * count
        for position in range(first, end, ENTRY_BYTES):
            tag, kind = struct.unpack_from(f"{order}HH", exif, position)
            if tag == ORIENTATION:
                return read_integer(exif, position + VALUE_OFFSET, order, kind)
    except struct.error:  # past the end
        pass
    return STORED_UPRIGHT


def read_integer(exif: bytes, position: int, order: str, kind: int) -> int:
    """Return an entry's value; 1, upright, if its type is no unsigned integer.

    Raises struct.error past the end.
    """
    code = INTEGERS.get(kind)
    if code is None:
        return STORED_UPRIGHT
    (value,) = struct.unpack_from(f"{order}{code}", exif, position)
    return int(value)
