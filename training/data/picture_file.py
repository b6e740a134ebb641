"""One picture file: its hash and size from few bytes, or its decoded picture."""

import hashlib
import io
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from training.data.image_format import ImageFormat
from training.data.picture import Pixels, fit_picture, read_orientation
from training.data.picture_files import FORMATS

TURNED = range(5, 9)  # EXIF's orientations that swap width and height
# Of Pillow's readers, for a damaged file.
PICTURE_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    LookupError,
    TypeError,
    ArithmeticError,
    AttributeError,
    MemoryError,
    EOFError,
    struct.error,
    Image.DecompressionBombError,
)


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """A file's hash and its picture's size, upright.

    Attributes:
        sha256: Of the file's bytes.
        width: In pixels.
        height: In pixels.
        mode: Pillow's.
    """

    sha256: bytes
    width: int
    height: int
    mode: str


@contextmanager
def open_picture(content: bytes) -> Iterator[Image.Image]:
    """Open a file's content at its first frame. Raises one of PICTURE_ERRORS.

    Pillow's warnings of odd metadata and large pictures are not shown.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            yield image


def read_facts(path: Path) -> PictureFacts:
    """Read a file's hash and header. Raises one of PICTURE_ERRORS."""
    content = path.read_bytes()
    sha256 = hashlib.sha256(content).digest()
    with open_picture(content) as image:
        width, height = image.size
        if read_orientation(image) in TURNED:
            width, height = height, width
        return PictureFacts(sha256, width, height, image.mode)


def describe_error(error: Exception) -> str:
    """Return a reader's error as a phrase."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, UnidentifiedImageError):
        return "not a picture"
    return f"damaged picture ({error or type(error).__name__})"


def read_pixels(path: Path, image_format: ImageFormat) -> Pixels:
    """Read a file's picture in a format. Raises one of PICTURE_ERRORS."""
    with open_picture(path.read_bytes()) as image:
        return fit_picture(image, image_format)
