"""Agreement of maps with masks."""

import numpy as np
import pytest

from training.evaluation.localization import localization


def two_regions() -> np.ndarray:
    """Return a mask of a large and a small region in one of two images."""
    masks = np.zeros((2, 40, 40), dtype=np.bool_)
    masks[0, 2:12, 2:12] = True
    masks[0, 30:32, 30:32] = True
    return masks


def test_a_map_that_is_the_mask_is_perfect() -> None:
    """Both measures are 1."""
    masks = two_regions()

    measured = localization(masks.astype(np.float32), masks)

    assert measured.pixel_auroc == 1
    assert measured.pro == pytest.approx(1, abs=0.01)


def test_each_region_counts_as_much() -> None:
    """The small region alone is half of the overlap, but few of the pixels."""
    masks = two_regions()
    random = np.random.default_rng(0)
    maps = random.uniform(0, 1, masks.shape).astype(np.float32)
    maps[0, 2:12, 2:12] = 0
    maps[0, 30:32, 30:32] = 2

    measured = localization(maps, masks)

    assert measured.pro == pytest.approx(0.5, abs=0.01)
    assert measured.pixel_auroc < 0.1


def test_noise_overlaps_as_much_as_it_alarms() -> None:
    """The mean of 0 to 30 %."""
    random = np.random.default_rng(0)
    masks = np.zeros((4, 64, 64), dtype=np.bool_)
    masks[:, :30] = True
    maps = random.uniform(0, 1, masks.shape).astype(np.float32)

    measured = localization(maps, masks)

    assert measured.pro == pytest.approx(0.15, abs=0.01)
    assert measured.pixel_auroc == pytest.approx(0.5, abs=0.02)
