"""What else is on a page changes the fitted image little, or is reported."""

import gzip

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from service.imaging.errors import ImageError
from service.imaging.pixels import ImageShape
from service.imaging.preprocessing import Preprocessing, fit_image
from tests.samples import DATA
from training.data.idx import parse_idx

SIDE = 28
SHAPE = ImageShape(1, SIDE, SIDE)
FILE = DATA / "t10k-images-idx3-ubyte.gz"
DIGITS = parse_idx(gzip.decompress(FILE.read_bytes()), FILE)
PAGE = 300
PAPER = 250
INK = 25
MAX_DISTANCE = 0.01  # mean squared difference of pixels in [0, 1]

Levels = NDArray[np.float64]  # (PAGE, PAGE), grey levels
number = st.integers(0, len(DIGITS) - 1)
place = st.integers(2, 40)


def clean_page(index: int) -> Levels:
    """Return a digit in dark ink, in the middle of a page."""
    large = Image.fromarray(DIGITS[index]).resize((180, 180), Image.Resampling.BICUBIC)
    ink = np.zeros((PAGE, PAGE))
    ink[60:240, 60:240] = np.asarray(large) / 255
    return PAPER + (INK - PAPER) * ink


def fit(page: Levels) -> tuple[Levels, Preprocessing]:
    """Return a page's pixels in [0, 1], and the changes."""
    image = Image.fromarray(page.clip(0, 255).round().astype(np.uint8))
    (pixels,), changes = fit_image(image, SHAPE, "auto", oriented=False)
    return pixels / 255, changes


def distance(first: Levels, second: Levels) -> float:
    """Return the mean squared difference, whichever pixel is nearest to the centre."""
    shifts = [(down, across) for down in (-1, 0, 1) for across in (-1, 0, 1)]
    moved = [np.roll(first, shift, (0, 1)) for shift in shifts]
    return min(float(((image - second) ** 2).mean()) for image in moved)


@settings(max_examples=25)
@given(number)
def test_polarity_does_not_matter(index: int) -> None:
    """A negative gives the same image."""
    page = clean_page(index)
    dark, dark_changes = fit(page)
    light, light_changes = fit(255 - page)

    assert distance(dark, light) < MAX_DISTANCE
    assert (dark_changes.inverted, light_changes.inverted) == (True, False)


@settings(max_examples=25)
@given(number, place, place, st.integers(1, 5), st.integers(0, 220))
def test_a_speck_does_not_matter(
    index: int, row: int, column: int, size: int, level: int
) -> None:
    """It has up to 5 x 5 pixels of any level, outside the digit."""
    page = clean_page(index)
    expected, _ = fit(page)
    page[row : row + size, column : column + size] = level
    found, _ = fit(page)

    assert distance(found, expected) < MAX_DISTANCE


@settings(max_examples=25)
@given(number, st.integers(3, 40), st.integers(1, 4))
def test_a_frame_does_not_matter(index: int, inset: int, width: int) -> None:
    """It is up to 4 pixels wide, and around the digit."""
    page = clean_page(index)
    expected, _ = fit(page)
    framed = np.full_like(page, 40)
    inner = slice(inset + width, PAGE - inset - width)
    framed[inner, inner] = page[inner, inner]
    outer = slice(inset, PAGE - inset)
    page[outer, outer] = framed[outer, outer]
    found, changes = fit(page)

    assert distance(found, expected) < MAX_DISTANCE
    assert {"lines", "frame"} & set(changes.removed)


@settings(max_examples=25)
@given(number, st.integers(60, 225), st.integers(30, 60))
def test_ruling_does_not_matter(index: int, level: int, step: int) -> None:
    """The lines have 2 pixels of a level up to nearly the ink's."""
    page = clean_page(index)
    expected, _ = fit(page)
    for row in range(step // 2, PAGE, step):
        page[row : row + 2] = np.minimum(page[row : row + 2], level)
    found, changes = fit(page)

    assert distance(found, expected) < 2 * MAX_DISTANCE
    assert "lines" in changes.removed


@settings(max_examples=25)
@given(number, st.integers(0, 100))
def test_a_gradual_shadow_does_not_matter(index: int, depth: int) -> None:
    """It darkens the paper by up to 100 levels from left to right."""
    page = clean_page(index)
    expected, _ = fit(page)
    shade = 1 - np.linspace(0, depth / PAPER, PAGE)
    found, _ = fit(page * shade)

    assert distance(found, expected) < MAX_DISTANCE


def test_a_second_digit_is_reported() -> None:
    """One of both is fitted, with less confidence."""
    page = np.concatenate((clean_page(0), clean_page(1)), axis=1)
    _, changes = fit(page)
    _, alone = fit(clean_page(0))

    assert changes.others >= 1
    assert alone.others == 0
    assert changes.confidence is not None
    assert alone.confidence is not None
    assert changes.confidence < alone.confidence


def test_ruled_paper_without_ink_is_rejected() -> None:
    """Lines alone are nothing to read."""
    page = np.full((PAGE, PAGE), float(PAPER))
    page[20::40] = 100

    with pytest.raises(ImageError, match="no ink found"):
        fit(page)
