"""Contact sheets: small images in rows, as compact PNG files."""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.artifact.exported_model import Floats
from training.data.images import MAX_LEVEL
from training.files import write_file

GAP = 2  # pixels between the images
WHITE = 255
COLORS = 256  # of a palette, which makes a file half as large
MAX_SIDE = 64  # pixels of an image on the sheet


def save_sheet(images: Floats, columns: int, path: Path) -> Path:
    """Write images (count, channels, height, width) in [0, 1] as PNG; return the path.

    Small images are shown at a multiple of their size, large ones at a fraction. Colour
    is reduced to 256 colours.
    """
    sheet = Image.fromarray(arrange(to_levels(images), columns))
    if sheet.mode == "RGB":
        sheet = sheet.quantize(COLORS, dither=Image.Dither.NONE)
    content = io.BytesIO()
    sheet.save(content, format="PNG", optimize=True)
    write_file(path, content.getvalue())
    return path


def to_levels(images: Floats) -> NDArray[np.uint8]:
    """Return levels (count, height, width), and a last axis of 3 for colour."""
    levels = np.rint(MAX_LEVEL * images).astype(np.uint8)
    if levels.shape[1] == 1:
        return levels[:, 0]
    return levels.transpose(0, 2, 3, 1)


def arrange(levels: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    """Return the sheet: images of levels in rows, with white gaps between them."""
    cells = [np.asarray(resize(Image.fromarray(image))) for image in levels]
    height, width = cells[0].shape[:2]
    rows = -(-len(cells) // columns)
    row_height = height + GAP
    column_width = width + GAP
    shape = rows * row_height - GAP, columns * column_width - GAP, *cells[0].shape[2:]
    sheet = np.full(shape, WHITE, dtype=np.uint8)
    for number, cell in enumerate(cells):
        row, column = divmod(number, columns)
        top = row * row_height
        left = column * column_width
        sheet[top : top + height, left : left + width] = cell
    return sheet


def resize(image: Image.Image) -> Image.Image:
    """Return an image with a longer side of at most 64 pixels, by a whole factor."""
    side = max(image.size)
    if side > MAX_SIDE:
        return image.reduce(-(-side // MAX_SIDE))
    factor = max(1, MAX_SIDE // side)
    size = factor * image.width, factor * image.height
    return image.resize(size, Image.Resampling.NEAREST)
