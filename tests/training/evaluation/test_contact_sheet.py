"""Contact sheets show every image once, at a readable size."""

from pathlib import Path

import numpy as np
from PIL import Image

from training.evaluation.contact_sheet import save_sheet


def test_grey_images_are_enlarged_in_rows(tmp_path: Path) -> None:
    """Three images of 28 x 28 are shown at twice their size, with white gaps."""
    images = np.zeros((3, 1, 28, 28), dtype=np.float32)
    images[2] = 0.5
    path = save_sheet(images, 2, tmp_path / "sheet.png")

    with Image.open(path) as sheet:
        levels = np.asarray(sheet)
    assert levels.shape == (2 * 56 + 2, 2 * 56 + 2)
    assert levels[0, 0] == 0
    assert levels[0, 56] == 255
    assert levels[58, 0] == 128
    assert levels[58, 58] == 255


def test_large_colour_images_are_reduced(tmp_path: Path) -> None:
    """An image of 128 x 96 is shown at half its size, in its colour."""
    image = np.zeros((1, 3, 96, 128), dtype=np.float32)
    image[:, 0] = 1
    path = save_sheet(image, 1, tmp_path / "sheet.png")

    with Image.open(path) as sheet:
        assert sheet.size == (64, 48)
        assert sheet.convert("RGB").getpixel((5, 5)) == (255, 0, 0)
