"""From pixels to pictures."""

import binascii
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.imaging.plain_png import write_plain_pngs

Grey = NDArray[np.uint8]  # 0 black


@dataclass(frozen=True, slots=True)
class ImageGrid:
    """Grey images, uint8 (count, height, width), and how many stand in a row where they are shown together."""

    images: Grey
    columns: int


def sheet(pixels: NDArray[np.float32], columns: int | None = None) -> ImageGrid:
    """Pixels (count, height, width) in [0, 1] as grey images, clipped and rounded.

    Unless told, they stand in about as many rows as columns.
    """
    grey = np.rint(pixels.clip(0, 1) * 255).astype(np.uint8)
    return ImageGrid(grey, min(columns or math.ceil(math.sqrt(len(grey))), len(grey)))


def upscale(images: Grey, scale: int) -> Grey:
    """Images (count, height, width) with each pixel drawn ``scale`` times as wide and as high."""
    return images if scale == 1 else images.repeat(scale, axis=2).repeat(scale, axis=1)


def base64_pngs(images: Grey) -> list[str]:
    """Each image of (count, height, width) as an 8-bit grey PNG in base64."""
    return [base64_text(content) for content in write_plain_pngs(images)]


def base64_text(content: bytes) -> str:
    """Bytes as base64, without line breaks."""
    return binascii.b2a_base64(content, newline=False).decode("ascii")


def contact_sheet(pictures: ImageGrid) -> Grey:
    """All images as one, (1, height, width): row by row, close together; what is left of the last row is black."""
    count, height, width = pictures.images.shape
    rows, columns = math.ceil(count / pictures.columns), pictures.columns
    cells = np.zeros((rows * columns, height, width), dtype=np.uint8)
    cells[:count] = pictures.images
    return (
        cells.reshape(rows, columns, height, width)
        .swapaxes(1, 2)
        .reshape(1, rows * height, columns * width)
    )
