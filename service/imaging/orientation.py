"""Which way up a picture is, as its EXIF data say."""

import struct

from PIL import Image

ORIENTATION = 0x0112  # TIFF 6.0's tag
BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
# From how the picture is stored to how it was taken; 1 is as stored.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def upright(image: Image.Image, exif: bytes) -> tuple[Image.Image, bool]:
    """The picture the right way up, and whether it had to be turned or mirrored for that."""
    turn = TURNS.get(orientation(exif))
    return (image, False) if turn is None else (image.transpose(turn), True)


def orientation(exif: bytes) -> int:
    """The number that EXIF's first directory has for it; 1 where nothing is told, or nothing can be read."""
    order = BYTE_ORDERS.get(exif[:4])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, start)
        for place in range(start + 2, start + 2 + 12 * count, 12):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", exif, place)
            if tag == ORIENTATION:
                return int(value)
    except struct.error:  # past the end
        pass
    return 1
