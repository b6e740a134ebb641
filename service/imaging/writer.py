"""From pixels to pictures."""

import binascii
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.imaging.plain_png import write_plain_pngs


@dataclass(frozen=True, slots=True)
class Sheet:
    """Grey images, uint8 (count, height, width), and how many stand in a row where they are shown together."""

    images: NDArray[np.uint8]
    columns: int


def sheet(pixels: NDArray[np.float32], columns: int | None = None) -> Sheet:
    """Pixels (count, height, width) in [0, 1] as grey images, clipped and rounded; about as many rows as columns."""
    grey = np.rint(pixels.clip(0, 1) * 255).astype(np.uint8)
    return Sheet(grey, columns or math.ceil(math.sqrt(len(grey))))


def base64_pngs(pictures: Sheet) -> list[str]:
    """Each image as an 8-bit grey PNG in base64."""
    return [
        binascii.b2a_base64(content, newline=False).decode("ascii") for content in write_plain_pngs(pictures.images)
    ]
