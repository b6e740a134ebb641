"""Pages with one digit, as people send them: specks, frames, ruling, shadow, noise."""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 400  # pixels of a page
WHITE = 255
INK = 25

Grey = NDArray[np.uint8]
Levels = NDArray[np.float64]  # (SIDE, SIDE), grey levels
Random = np.random.Generator


def enlarge(digit: Grey, side: int) -> Levels:
    """Return the ink of a digit, 0 to 1, in the middle of a page."""
    large = Image.fromarray(digit).resize((side, side), Image.Resampling.BICUBIC)
    page = np.zeros((SIDE, SIDE))
    start = (SIDE - side) // 2
    end = start + side
    page[start:end, start:end] = np.asarray(large) / WHITE
    return page


def draw(ink: Levels, paper: Levels | float = 250) -> Levels:
    """Return dark ink on paper of one level, or of a level at each pixel."""
    return paper + (INK - paper) * ink


def clean(ink: Levels, _strength: float, _: Random) -> Levels:
    """Add nothing."""
    return draw(ink)


def corner_speck(ink: Levels, size: float, _: Random) -> Levels:
    """Add a square of black."""
    page = draw(ink)
    end = 8 + round(size)
    page[8:end, 8:end] = INK
    return page


def faint_speck(ink: Levels, size: float, _: Random) -> Levels:
    """Add a square of grey."""
    page = draw(ink)
    end = 8 + round(size)
    page[8:end, 8:end] = 200
    return page


def specks(ink: Levels, count: float, random: Random) -> Levels:
    """Add black specks of 2 x 2 pixels anywhere."""
    page = draw(ink)
    for row, column in random.integers(0, SIDE - 2, (round(count), 2)):
        page[row : row + 2, column : column + 2] = INK
    return page


def top_edge(ink: Levels, width: float, _: Random) -> Levels:
    """Blacken the top edge."""
    page = draw(ink)
    page[: round(width)] = 20
    return page


def two_edges(ink: Levels, width: float, _: Random) -> Levels:
    """Blacken the top and the left edge."""
    page = top_edge(ink, width, _)
    page[:, : round(width)] = 20
    return page


def frame(ink: Levels, inset: float, _: Random) -> Levels:
    """Draw the frame of a form's cell, 3 pixels wide."""
    page = draw(ink)
    start = round(inset)
    end = SIDE - start
    for first in (start, end - 3):
        page[first : first + 3, start:end] = 40
        page[start:end, first : first + 3] = 40
    return page


def noise(ink: Levels, deviation: float, random: Random) -> Levels:
    """Add a camera's noise."""
    page = 220 + (40 - 220) * ink
    return page + random.normal(0, deviation, page.shape)


def ruled(ink: Levels, level: float, _: Random) -> Levels:
    """Rule lines of 2 pixels, 50 apart."""
    page = draw(ink)
    for row in range(25, SIDE, 50):
        line = page[row : row + 2]
        np.minimum(line, level, out=line)
    return page


def squared(ink: Levels, level: float, _: Random) -> Levels:
    """Rule squares of 25 pixels."""
    page = draw(ink)
    for at in range(12, SIDE, 25):
        page[at] = np.minimum(page[at], level)
        page[:, at] = np.minimum(page[:, at], level)
    return page


def shadow(ink: Levels, depth: float, _: Random) -> Levels:
    """Darken the paper from left to right."""
    paper = np.linspace(240, 240 - depth, SIDE)
    return draw(ink, np.tile(paper, (SIDE, 1)))


def vignette(ink: Levels, depth: float, _: Random) -> Levels:
    """Darken the paper's corners."""
    positions = np.linspace(-1, 1, SIDE) ** 2
    distance = (positions + positions[:, np.newaxis]) / 2
    return draw(ink, 235 - depth * distance)


def table(ink: Levels, level: float, _: Random) -> Levels:
    """Lay a sheet of 280 pixels on a table of that level."""
    page = np.full((SIDE, SIDE), float(level))
    page[60:340, 60:340] = draw(ink)[60:340, 60:340]
    return page


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of page.

    Attributes:
        name: In words.
        page: Draws the page of a digit's ink at a strength.
        strengths: From weak to strong.
        side: Pixels of the digit's image on the page.
        is_random: Whether pages differ by the seed.
    """

    name: str
    page: Callable[[Levels, float, Random], Levels]
    strengths: tuple[float, ...]
    side: int = 280
    is_random: bool = False


CLEAN = Kind("clean", clean, (0,))
KINDS = (
    Kind("black speck in a corner, pixels wide", corner_speck, (1, 3, 5), 200),
    Kind("grey speck in a corner, pixels wide", faint_speck, (1, 3, 5), 200),
    Kind("specks of 2 x 2 pixels", specks, (1, 5, 20), 200, is_random=True),
    Kind("dark top edge, pixels", top_edge, (1, 2, 6)),
    Kind("dark top and left edge, pixels", two_edges, (1, 2, 6)),
    Kind("frame of 3 pixels, pixels inside", frame, (4, 20, 60), 240),
    Kind("noise, standard deviation", noise, (6, 10, 15), is_random=True),
    Kind("ruled paper, grey level of the lines", ruled, (225, 215, 170)),
    Kind("squared paper, grey level of the lines", squared, (235, 215, 200)),
    Kind("linear shadow, grey levels", shadow, (40, 80, 100)),
    Kind("vignette, grey levels", vignette, (40, 60, 100)),
    Kind("sheet on a table of grey level", table, (30, 90, 140), 220),
)


def encode(page: Levels, file_format: str, *, dark: bool) -> bytes:
    """Return a page as a file; ink is light on dark unless ``dark``."""
    levels = np.clip(np.rint(page), 0, WHITE).astype(np.uint8)
    if not dark:
        levels = WHITE - levels
    content = io.BytesIO()
    Image.fromarray(levels).save(content, file_format, quality=80)
    return content.getvalue()
