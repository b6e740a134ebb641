"""Pixels become 8-bit grey pictures, clipped and rounded, one by one or together."""

import base64

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from service.imaging.reader import read_image
from service.imaging.writer import (
    Grey,
    ImageGrid,
    base64_pngs,
    base64_text,
    contact_sheet,
    sheet,
    upscale,
)
from tests.samples import pixels_of

sizes = st.tuples(st.integers(1, 12), st.integers(1, 9), st.integers(1, 9))
images = sizes.flatmap(lambda size: arrays(np.uint8, size))


@pytest.mark.parametrize(
    ("pixel", "grey"),
    [
        (0.0, 0),
        (1.0, 255),
        (-1.0, 0),
        (2.0, 255),
        (0.5 / 255 - 1e-4, 0),
        (0.5 / 255 + 1e-4, 1),
        (254.6 / 255, 255),
    ],
)
def test_a_pixel_becomes_the_nearest_grey_level(pixel: float, grey: int) -> None:
    """Clipped to [0, 1] and rounded, not cut."""
    assert sheet(np.array([[[pixel]]], dtype=np.float32)).images.tolist() == [[[grey]]]


def test_every_grey_level_comes_back() -> None:
    """A level as a pixel in [0, 1] becomes that level; written as a PNG and read, it is still that level."""
    levels = np.arange(256, dtype=np.uint8).reshape(4, 8, 8)
    (*texts,) = base64_pngs(sheet(levels.astype(np.float32) / np.float32(255)).images)

    assert np.array_equal([pixels_of(text) for text in texts], levels)
    assert np.array_equal(
        [read_image(text, 8, 8, 64, "none").pixels for text in texts], levels
    )


@given(images)
def test_pixels_come_back_from_their_pngs(pixels: Grey) -> None:
    """In order, read by Pillow alone and by the service."""
    texts = base64_pngs(pixels)

    assert np.array_equal([pixels_of(text) for text in texts], pixels)
    _, height, width = pixels.shape
    assert np.array_equal(
        [read_image(text, height, width, 81, "none").pixels for text in texts], pixels
    )


@given(images, st.integers(1, 16))
def test_each_pixel_is_drawn_as_often_as_the_scale_says(
    pixels: Grey, scale: int
) -> None:
    """Crisp: every pixel of a square is the one that it stands for."""
    large = upscale(pixels, scale)

    assert large.shape == (
        len(pixels),
        pixels.shape[1] * scale,
        pixels.shape[2] * scale,
    )
    for row in range(scale):
        for column in range(scale):
            assert np.array_equal(large[:, row::scale, column::scale], pixels)


@given(images, st.integers(1, 12))
def test_a_sheet_has_its_images_row_by_row(pixels: Grey, columns: int) -> None:
    """Each in its place; places that are left are black."""
    count, height, width = pixels.shape
    (grid,) = contact_sheet(ImageGrid(pixels, columns))
    rows, rest = divmod(grid.shape[0], height)
    cells = [
        grid[row * height : (row + 1) * height, column * width : (column + 1) * width]
        for row in range(rows)
        for column in range(columns)
    ]

    assert (rest, grid.shape[1]) == (0, columns * width)
    assert 0 <= len(cells) - count < columns
    assert np.array_equal(cells[:count], pixels)
    assert not np.any(cells[count:])


@pytest.mark.parametrize(
    ("count", "columns"), [(1, 1), (2, 2), (3, 2), (4, 2), (5, 3), (10, 4), (256, 16)]
)
def test_a_sheet_is_about_square_unless_told(count: int, columns: int) -> None:
    """As many rows as columns, or one less."""
    assert sheet(np.zeros((count, 2, 3), dtype=np.float32)).columns == columns


def test_a_sheet_is_no_wider_than_its_images() -> None:
    """Fewer images than columns stand in one row, with nothing beside them."""
    pictures = sheet(np.ones((3, 2, 4), dtype=np.float32), columns=10)

    assert contact_sheet(pictures).tolist() == [[[255] * 12] * 2]


@given(st.binary())
def test_bytes_come_back_from_their_text(content: bytes) -> None:
    """As Python's own base64 reads it, strictly."""
    assert base64.b64decode(base64_text(content), validate=True) == content
