"""Pixels become 8-bit PNGs, clipped and rounded, one by one or on a contact sheet."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from service.imaging import codec
from service.imaging.codec import (
    ImageCodec,
    ImageGrid,
    ImageLimits,
    base64_pngs,
    contact_sheet,
    image_grid,
    upscale,
)
from service.imaging.pixels import ImageShape, Pixels
from service.imaging.plain_png import write_pngs
from tests.samples import pixels_of

counts = st.integers(1, 12)
channels = st.sampled_from([1, 3])
sides = st.integers(1, 9)
grey_shapes = st.tuples(counts, st.just(1), sides, sides)
shapes = st.tuples(counts, channels, sides, sides)
grey_images = grey_shapes.flatmap(lambda shape: arrays(np.uint8, shape))
images = shapes.flatmap(lambda shape: arrays(np.uint8, shape))


def decode(texts: list[str], shape: ImageShape) -> list[Pixels]:
    """Return the pixels of images that have that shape."""
    codec = ImageCodec(shape, ImageLimits(max_bytes=2**24, max_pixels=81))
    return list(codec.decode(texts, "none").pixels)


@pytest.mark.parametrize(
    ("pixel", "level"),
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
def test_a_pixel_becomes_the_nearest_level(pixel: float, level: int) -> None:
    """It is clipped to [0, 1], and rounded, not truncated."""
    grid = image_grid(np.array([[[[pixel]]]], dtype=np.float32))

    assert grid.images.tolist() == [[[[level]]]]


def test_every_grey_level_is_recovered() -> None:
    """A level in [0, 1] becomes that level, also after a PNG is written and read."""
    levels = np.arange(256, dtype=np.uint8).reshape(4, 1, 8, 8)
    unit_levels = levels.astype(np.float32) / np.float32(255)
    texts = base64_pngs(image_grid(unit_levels))

    assert np.array_equal([pixels_of(text) for text in texts], levels[:, 0])
    assert np.array_equal(decode(texts, ImageShape(1, 8, 8)), levels)


@given(grey_images)
def test_grey_pixels_are_recovered_from_their_pngs(pixels: Pixels) -> None:
    """They are in order, read by Pillow alone and by the service."""
    texts = base64_pngs(ImageGrid(pixels, 1))

    assert np.array_equal([pixels_of(text) for text in texts], pixels[:, 0])
    assert np.array_equal(decode(texts, ImageShape(*pixels.shape[1:])), pixels)


@given(images)
def test_pillow_reads_the_pngs(pixels: Pixels) -> None:
    """It finds the mode of the number of channels, and the same pixels."""
    for content, image in zip(write_pngs(pixels), pixels, strict=True):
        with Image.open(io.BytesIO(content)) as read:
            assert read.mode == {1: "L", 3: "RGB"}[len(image)]
            found = np.asarray(read).reshape(read.height, read.width, -1)
            assert np.array_equal(found.transpose(2, 0, 1), image)
    shape = ImageShape(*pixels.shape[1:])
    assert np.array_equal(decode(base64_pngs(ImageGrid(pixels, 1)), shape), pixels)


@given(images, st.integers(1, 16))
def test_each_pixel_is_repeated_as_often_as_the_scale_says(
    pixels: Pixels, scale: int
) -> None:
    """Every pixel of a square equals the one that it stands for."""
    large = upscale(pixels, scale)
    count, channels, height, width = pixels.shape

    assert large.shape == (count, channels, height * scale, width * scale)
    for row in range(scale):
        for column in range(scale):
            assert np.array_equal(large[..., row::scale, column::scale], pixels)


@given(images, st.integers(1, 12))
def test_a_contact_sheet_has_its_images_row_by_row(
    pixels: Pixels, columns: int
) -> None:
    """Each is in its cell; cells that are left are black."""
    count, _, height, width = pixels.shape
    (sheet,) = contact_sheet(ImageGrid(pixels, columns))
    rows, rest = divmod(sheet.shape[1], height)
    cells = []
    for row in range(rows):
        for column in range(columns):
            top, left = row * height, column * width
            cells.append(sheet[:, top : top + height, left : left + width])

    assert (rest, sheet.shape[2]) == (0, columns * width)
    assert 0 <= len(cells) - count < columns
    assert np.array_equal(cells[:count], pixels)
    assert not np.any(cells[count:])


@pytest.mark.parametrize(
    ("count", "columns"), [(1, 1), (2, 2), (3, 2), (4, 2), (5, 3), (10, 4), (256, 16)]
)
def test_a_grid_is_about_square_by_default(count: int, columns: int) -> None:
    """It has as many rows as columns, or one less."""
    grid = image_grid(np.zeros((count, 1, 2, 3), dtype=np.float32))

    assert grid.columns == columns


def test_a_grid_is_no_wider_than_its_images() -> None:
    """Fewer images than columns form one row without empty cells."""
    grid = image_grid(np.ones((3, 1, 2, 4), dtype=np.float32), columns=10)

    assert contact_sheet(grid).tolist() == [[[[255] * 12] * 2]]


def test_many_large_images_are_repeated_in_parts(
    monkeypatch: pytest.MonkeyPatch, random: np.random.Generator
) -> None:
    """The result is the same; other threads run between the parts."""
    pixels = random.integers(0, 256, (7, 3, 4, 5), dtype=np.uint8)
    at_once = upscale(pixels, 3)
    monkeypatch.setattr(codec, "MAX_REPEATED_BYTES", 2 * at_once[0].nbytes)

    assert np.array_equal(upscale(pixels, 3), at_once)
