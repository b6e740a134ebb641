"""Connected regions are those of a flood fill."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from service.imaging.ink.arrays import Mask
from service.imaging.ink.regions import find_regions


def flood_fill(mask: Mask) -> list[set[tuple[int, int]]]:
    """Return the pixels of each region, connected by sides and corners."""
    left = {(int(row), int(column)) for row, column in np.argwhere(mask)}
    regions = []
    while left:
        region = set()
        waiting = [left.pop()]
        while waiting:
            row, column = waiting.pop()
            region.add((row, column))
            for down in (-1, 0, 1):
                for across in (-1, 0, 1):
                    pixel = (row + down, column + across)
                    if pixel in left:
                        left.remove(pixel)
                        waiting.append(pixel)
        regions.append(region)
    return regions


@given(
    arrays(
        bool, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.booleans()
    )
)
def test_regions_are_those_of_a_flood_fill(mask: Mask) -> None:
    """Pixels, areas and boxes agree, in any mask."""
    regions = find_regions(mask)
    found = []
    for number in range(len(regions)):
        own = regions.labels == number
        rows = regions.rows[own].tolist()
        columns = regions.columns[own].tolist()
        found.append(set(zip(rows, columns, strict=True)))
        box = (min(columns), min(rows), max(columns) + 1, max(rows) + 1)

        assert tuple(regions.boxes[number].tolist()) == box
        assert regions.areas[number] == len(rows)
    key = sorted
    assert sorted(found, key=key) == sorted(flood_fill(mask), key=key)
