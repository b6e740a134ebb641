"""From pixels to base64 PNGs."""

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def write_pngs(pixels: NDArray[np.float32]) -> list[str]:
    """Pixels (batch, height, width) in [0, 1] as 8-bit grey PNGs in base64, clipped and rounded."""
    grey = np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
    return [write_png(image) for image in grey]


def write_png(image: NDArray[np.uint8]) -> str:
    """A grey image, uint8 (height, width), as a PNG in base64."""
    content = io.BytesIO()
    Image.fromarray(image).save(content, format="PNG")
    return base64.b64encode(content.getbuffer()).decode("ascii")
