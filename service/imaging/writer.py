"""From pixels to base64 PNGs."""

import binascii

import numpy as np
from numpy.typing import NDArray

from service.imaging.plain_png import write_plain_pngs


def write_pngs(pixels: NDArray[np.float32]) -> list[str]:
    """Pixels (batch, height, width) in [0, 1] as 8-bit grey PNGs in base64, clipped and rounded."""
    grey = np.rint(pixels.clip(0, 1) * 255).astype(np.uint8)
    return [binascii.b2a_base64(content, newline=False).decode("ascii") for content in write_plain_pngs(grey)]
