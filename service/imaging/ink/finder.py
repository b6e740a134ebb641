"""Ink of one drawing on a page of any paper."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from service.imaging.errors import ImageError
from service.imaging.ink.arrays import (
    Box,
    Grey,
    Levels,
    Mask,
    border_of,
    box_mean,
    box_of,
    dilate,
)
from service.imaging.ink.lines import Lines, find_lines
from service.imaging.ink.paper import Paper, find_paper, noise_deviation
from service.imaging.ink.selection import Drawing, choose_drawing
from service.imaging.pixels import WHITE

# Grey levels between paper and ink. JPEG's noise on blank paper has fewer.
MIN_CONTRAST = 24
CLEAR_CONTRAST = 2 * MIN_CONTRAST  # above it, contrast leaves no doubt
NOISE_MULTIPLE = 4  # standard deviations of noise that ink is above
# Ink relative to the mean of all ink. Drawings are found by strong ink, their edges and
# lines by weak ink.
STRONG = 0.35
WEAK = 0.12
EDGE = 0.06  # reach of a stroke's soft edge, relative to the drawing's longer side
MIN_SHADE = 12  # grey levels; paper that differs by less is even
MIN_SIZE = 0.02  # of a drawing, relative to the page's longer side
SURE_SIZE = 0.04
# Radius of the window that the paper is found with, relative to the page's longer side:
# more than the half width of any stroke, and for paper with sharp shadows, of most.
WINDOWS = (0.17, 0.06)
SURE = 0.6  # confidence above which the second window is not tried
MIN_CONFIDENCE = 0.1
# For each of border and page whose median level is not that of paper.
DOUBT = 0.7
# For a sheet of paper that seems to be ink because there is a drawing on it.
SHEET = 0.3
ON_SHEET = 0.3  # height of the drawing, relative to the sheet's
MIN_ON_SHEET = 0.15  # confidence in the drawing
# Noise from which levels are averaged over 3 x 3 and over 5 x 5 pixels.
NOISE_RADII = ((8, 2), (2, 1))

Removed = Literal["specks", "lines", "frame", "shadow"]


class NoInkError(ImageError):
    """Nothing in an image looks like ink."""

    def __init__(self) -> None:
        super().__init__("no ink found: nothing looks like strokes on paper")


@dataclass(frozen=True, slots=True)
class Ink:
    """Ink of one drawing.

    Attributes:
        levels: float32 (height, width), difference to the paper; 0 elsewhere.
        box: The box around the drawing.
        inverted: Whether it is darker than its paper.
        confidence: How sure it is that a person would see this drawing, in [0, 1].
        removed: Other things on the page, which were ignored.
        others: Number of further drawings.
    """

    levels: Levels
    box: Box
    inverted: bool
    confidence: float
    removed: tuple[Removed, ...]
    others: int


def find_ink(grey: Grey) -> Ink:
    """Return the ink of the drawing that a person would see on a page.

    Ink is searched for on light and on dark paper. Raises ImageError for a blank page,
    and if nothing on it looks like a drawing.
    """
    check_contrast(grey)
    page = grey.astype(np.float32)
    noise = noise_deviation(page)
    candidates: list[Ink] = []
    weights: list[float] = []
    for window in WINDOWS:
        if max(weights, default=0) > SURE:
            break
        for inverted, light in ((True, page), (False, WHITE - page)):
            found = find_dark_ink(light, noise, window, inverted=inverted)
            if found is not None:
                candidates.append(found)
        weights = [weigh(ink, candidates, page) for ink in candidates]
    if not candidates:
        raise NoInkError
    best = int(np.argmax(weights))
    ink = candidates[best]
    if ink.confidence < MIN_CONFIDENCE:
        raise NoInkError
    return ink


def check_contrast(grey: Grey) -> None:
    """Raise ImageError for grey levels that are too close to be ink on paper."""
    darkest = int(grey.min())
    brightest = int(grey.max())
    if brightest - darkest < MIN_CONTRAST:
        found = f"its grey levels are {darkest} to {brightest}"
        raise ImageError(f"a blank image: {found}, too close to be ink on paper")


def weigh(ink: Ink, candidates: list[Ink], page: Levels) -> float:
    """Return the confidence in ink, less what speaks for ink of the other polarity."""
    number = doubts(page, light_paper=ink.inverted)
    weight = ink.confidence * DOUBT**number
    for other in candidates:
        if other.inverted == ink.inverted:
            continue
        is_surer = other.confidence >= ink.confidence
        if is_surer and is_drawing_on(other, ink.box):
            weight *= SHEET
    return weight


def doubts(page: Levels, *, light_paper: bool) -> int:
    """Return how many of border and page have a median level that is not paper's."""
    darkest = float(page.min())
    lightest = float(page.max())
    middle = (darkest + lightest) / 2
    number = 0
    for part in (border_of(page), page):
        is_light = float(np.median(part)) > middle
        number += is_light != light_paper
    return number


def is_drawing_on(ink: Ink, box: Box) -> bool:
    """Return whether ink is a drawing within a box, which is then that of a sheet."""
    left, top, right, bottom = ink.box
    sheet_left, sheet_top, sheet_right, sheet_bottom = box
    within_columns = sheet_left < left and right < sheet_right
    within_rows = sheet_top < top and bottom < sheet_bottom
    inside = within_columns and within_rows
    height = bottom - top
    sheet_height = sheet_bottom - sheet_top
    is_tall = height > ON_SHEET * sheet_height
    return inside and is_tall and ink.confidence > MIN_ON_SHEET


def find_dark_ink(
    page: Levels,
    noise: float,
    window: float,
    *,
    inverted: bool,
) -> Ink | None:
    """Return dark ink on light paper; None if there is none."""
    paper = find_paper(page, window)
    ink = paper.level - page
    smooth, floor = smooth_ink(ink, noise)
    strength = mean_strength(smooth, floor)
    if strength < MIN_CONTRAST:
        return None
    weak = smooth > max(floor, WEAK * strength)
    lines = find_lines(weak)
    weak &= ~lines.mask
    strong = weak & (smooth > max(floor, STRONG * strength))
    if not strong.any():
        return None
    drawing = choose_drawing(strong, smooth)
    near = dilate(drawing.mask, edge_reach(drawing.mask))
    box = box_of(near & weak)
    if lines.count:
        near &= dilate(weak, 1)
    return Ink(
        levels=np.where(near, ink, 0),
        box=box,
        inverted=inverted,
        confidence=rate(drawing, smooth, paper, box),
        removed=removed_things(drawing, lines, paper),
        others=drawing.others,
    )


def smooth_ink(ink: Levels, noise: float) -> tuple[Levels, float]:
    """Return ink averaged according to the noise, and the level that it must exceed."""
    radius = noise_radius(noise)
    noise_floor = NOISE_MULTIPLE * noise / (2 * radius + 1)
    floor = max(MIN_CONTRAST / 2, noise_floor)
    return box_mean(ink, radius), floor


def noise_radius(noise: float) -> int:
    """Return the radius of the square that levels are averaged over."""
    for least, radius in NOISE_RADII:
        if noise >= least:
            return radius
    return 0


def mean_strength(ink: Levels, floor: float) -> float:
    """Return the mean of ink above ``floor``, weighted by itself; 0 if there is none."""
    above = ink[ink > floor].astype(np.float64)
    if not len(above):
        return 0.0
    squares = above**2
    return float(squares.sum() / above.sum())


def edge_reach(mask: Mask) -> int:
    """Return how far the soft edges of a drawing reach, in pixels."""
    left, top, right, bottom = box_of(mask)
    longer = max(right - left, bottom - top)
    return max(1, round(EDGE * longer))


def rate(drawing: Drawing, ink: Levels, paper: Paper, box: Box) -> float:
    """Return the confidence in a drawing, in [0, 1]."""
    left, top, right, bottom = box
    contrast = float(ink[drawing.mask].mean())
    longer = max(right - left, bottom - top)
    size = longer / max(ink.shape)
    clear = min(1.0, contrast / CLEAR_CONTRAST)
    unevenness = paper.unevenness(box) / contrast
    even = max(0.0, 1 - unevenness)
    large = (size - MIN_SIZE) / (SURE_SIZE - MIN_SIZE)
    large = min(max(large, 0.0), 1.0)
    return float(drawing.quality * drawing.share * clear * even * large)


def removed_things(drawing: Drawing, lines: Lines, paper: Paper) -> tuple[Removed, ...]:
    """Return the names of the things that were ignored."""
    removed: list[Removed] = []
    if drawing.specks:
        removed.append("specks")
    if lines.count:
        removed.append("lines")
    if drawing.frames:
        removed.append("frame")
    if paper.shade > MIN_SHADE:
        removed.append("shadow")
    return tuple(removed)
