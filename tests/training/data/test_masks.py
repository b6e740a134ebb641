"""Masks of defects, read with the pictures of a folder."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.training.data.folders import Content, encode, pngs, read, write_tree
from training.data.errors import DataError

SIZE = (40, 40)


def mask(left: int) -> bytes:
    """Return a mask of 10 x 20 pixels, as large as the pictures."""
    levels = np.zeros(SIZE, dtype=np.uint8)
    levels[10:20, left : left + 20] = 255
    return encode(Image.fromarray(levels), "PNG")


def mvtec() -> Content:
    """Return a folder with three defects, two of which have a mask."""
    return {
        **pngs("train/good", 30),
        **pngs("test/good", 2, 30),
        **pngs("test/cut", 3, 40),
        "ground_truth/cut/0040_mask.png": mask(0),
        "ground_truth/cut/0042.png": mask(20),
    }


@pytest.mark.parametrize("parent", ["", "data/set/"])
def test_masks_are_of_the_test_pictures_of_their_names(
    tmp_path: Path, parent: str
) -> None:
    """With or without the end that MVTec adds, and scaled as the pictures are."""
    files = {f"{parent}{name}": content for name, content in mvtec().items()}
    data = read(write_tree(tmp_path, files), size=32).data
    cut = data.class_names.index("cut")
    positions = (data.test.labels == cut).nonzero().squeeze(1).tolist()

    first, _, last = positions
    assert set(data.masks) == {first, last}
    assert data.masks[first].shape == (32, 32)
    assert data.masks[first].sum() == 8 * 16
    assert not data.masks[first][:, 16:].any()
    assert not data.masks[last][:, :16].any()


def test_other_layouts_have_no_masks(tmp_path: Path) -> None:
    """Without the folder ground_truth."""
    assert not read(write_tree(tmp_path, pngs("ok", 40))).data.masks


def test_a_broken_mask_is_named_or_left_out(tmp_path: Path) -> None:
    """As a picture is."""
    name = "ground_truth/cut/0040_mask.png"
    folder = write_tree(tmp_path, {**mvtec(), name: b"no picture"})

    with pytest.raises(DataError, match=f"{name}: not a picture"):
        read(folder)
    assert len(read(folder, skip_broken=True).data.masks) == 1
