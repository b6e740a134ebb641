"""Choice of the regions that a person would read as one drawing."""

from dataclasses import dataclass

import numpy as np

from service.imaging.ink.arrays import Levels, Mask, dilate
from service.imaging.ink.regions import Integers, Regions, find_regions
from service.imaging.ink.shapes import (
    FRAME_QUALITY,
    MIN_QUALITY,
    Flags,
    Shapes,
    measure_shapes,
)

JOIN = 0.006  # reach over a gap within a part, relative to the page's shorter side
GAP = 0.15  # between parts of a drawing, relative to the largest part's longer side
SPECK = 0.4  # area, in squares of the stroke's width
ANOTHER = 0.55  # height of another drawing, relative to the largest part's

ENCLOSED = 0.35  # height of a drawing in a frame, relative to the frame's
MAX_FRAMES = 10  # the largest regions
FRAME_STROKES = 10  # shorter side of a frame, in widths of its line


@dataclass(frozen=True, slots=True)
class Drawing:
    """Regions chosen as one drawing.

    Attributes:
        mask: Their pixels.
        quality: How much the largest looks like strokes, in [0, 1].
        share: Their part of all that looks like strokes, in [0, 1].
        specks: Number of regions that are too small or too far away.
        frames: Number of regions that look like a frame or an edge.
        others: Number of regions that look like other drawings.
    """

    mask: Mask
    quality: float
    share: float
    specks: int
    frames: int
    others: int


def choose_drawing(mask: Mask, ink: Levels) -> Drawing:
    """Return the drawing with the most ink. The mask must not be empty."""
    reach = round(JOIN * min(mask.shape))
    regions = find_regions(dilate(mask, reach))
    shapes = measure_shapes(regions, mask, ink)
    encloses = enclosing(regions, shapes)
    quality = np.where(encloses, FRAME_QUALITY, shapes.quality)
    scores = shapes.masses * quality
    main = int(scores.argmax())
    all_heights = heights(regions)
    stroke = shapes.widths[main]
    is_drawn = quality >= MIN_QUALITY
    is_large = shapes.areas >= SPECK * stroke**2
    is_tall = all_heights > ANOTHER * all_heights[main]
    is_beside = is_tall & ~overlaps(regions, main)
    is_part = is_drawn & is_large & ~is_beside
    chosen = gather(regions, main, is_part)
    is_other = is_drawn & is_tall & is_large & ~chosen
    is_frame = ~is_drawn & ~chosen
    is_speck = ~chosen & ~is_other & ~is_frame
    share = scores[chosen].sum() / scores.sum()
    return Drawing(
        mask=mask & region_mask(regions, chosen, mask.shape),
        quality=float(quality[main]),
        share=float(share),
        specks=int(is_speck.sum()),
        frames=int(is_frame.sum()),
        others=int(is_other.sum()),
    )


def gather(regions: Regions, main: int, parts: Flags) -> Flags:
    """Return the region ``main``, and the parts near it or near other parts of it."""
    left, top, right, bottom = regions.boxes.T
    own_left, own_top, own_right, own_bottom = regions.boxes[main]
    own_width = own_right - own_left
    own_height = own_bottom - own_top
    reach = GAP * max(own_width, own_height)
    chosen = np.zeros(len(regions), bool)
    chosen[main] = True
    while True:
        boxes = regions.boxes[chosen]
        first_column, first_row, _, _ = boxes.min(axis=0)
        _, _, last_column, last_row = boxes.max(axis=0)
        across = np.maximum(left - last_column, first_column - right)
        down = np.maximum(top - last_row, first_row - bottom)
        distances = np.maximum(across, down)
        near = distances <= reach
        grown = chosen | (parts & near)
        if np.array_equal(grown, chosen):
            return chosen
        chosen = grown


def enclosing(regions: Regions, shapes: Shapes) -> Flags:
    """Return which regions are thin and have a drawing within their box."""
    result = np.zeros(len(regions), bool)
    by_mass = np.argsort(shapes.masses)
    largest = by_mass[-MAX_FRAMES:]
    left, top, right, bottom = regions.boxes.T
    is_drawn = shapes.quality >= MIN_QUALITY
    for each in largest.tolist():
        height = bottom[each] - top[each]
        width = right[each] - left[each]
        stroke = shapes.widths[each]
        if min(height, width) < FRAME_STROKES * stroke:
            continue
        found = is_drawn & (heights(regions) > ENCLOSED * height)
        found &= shapes.areas > SPECK * stroke**2
        found &= left > left[each]
        found &= right < right[each]
        found &= top > top[each]
        found &= bottom < bottom[each]
        result[each] = found.any()
    return result


def heights(regions: Regions) -> Integers:
    """Return the height of each region."""
    return regions.boxes[:, 3] - regions.boxes[:, 1]


def overlaps(regions: Regions, main: int) -> Flags:
    """Return which regions are partly above or below another, or in it."""
    left, _, right, _ = regions.boxes.T
    begins_before = left < right[main]
    ends_after = right > left[main]
    result: Flags = begins_before & ends_after
    return result


def region_mask(regions: Regions, chosen: Flags, shape: tuple[int, ...]) -> Mask:
    """Return the pixels of the chosen regions."""
    mask = np.zeros(shape, bool)
    inside = chosen[regions.labels]
    rows = regions.rows[inside]
    columns = regions.columns[inside]
    mask[rows, columns] = True
    return mask
