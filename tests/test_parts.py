"""The made parts that tests of inspection use."""

import numpy as np
import pytest

from tests.parts import DEFECTS, LEAST_AREA, defective_parts, good_parts


@pytest.mark.parametrize("channels", [1, 3])
def test_a_seed_gives_the_same_parts(channels: int) -> None:
    """Each picture depends on its seed and index, not on the number of pictures."""
    some = good_parts(2, channels, seed=3).images
    more = good_parts(3, channels, seed=3).images

    np.testing.assert_array_equal(some, more[:2])
    assert (more[0] != more[1]).any()
    assert (good_parts(2, channels, seed=4).images != some).any()


def test_good_parts_have_no_mask() -> None:
    """No pixel of a good part is of a defect."""
    assert not good_parts(3, 1, seed=0).masks.any()


@pytest.mark.parametrize("kind", DEFECTS)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_mask_is_where_the_part_differs_from_the_good_one(
    kind: str, channels: int
) -> None:
    """The part of the same seed without its defect differs only inside the mask."""
    good = good_parts(4, channels, seed=5).images.astype(int)
    defective = defective_parts(kind, 4, channels, seed=5)
    difference = np.abs(defective.images - good).max(axis=1)

    assert (defective.masks.sum(axis=(1, 2)) >= LEAST_AREA).all()
    assert difference[~defective.masks].max() <= 0.06 * 255
    assert difference[defective.masks].mean() > 0.06 * 255
