"""Pictures of anomaly maps, and their regions."""

import numpy as np
import pytest

from service.imaging.anomaly_map import (
    MAX_REGIONS,
    map_levels,
    overlay,
    regions_above,
)

THRESHOLD = 2.5


def map_of(
    rows: list[list[float]],
) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Return a map (height, width)."""
    return np.array(rows, dtype=np.float32)


def test_regions_have_boxes_and_peaks() -> None:
    """The highest peak is first; corners connect, and edges are exclusive."""
    values = map_of(
        [
            [3, 0, 0, 0, 9],
            [0, 4, 0, 0, 8],
            [0, 0, 0, 0, 0],
            [0, 2.5, 2.6, 0, 0],
        ]
    )
    regions = regions_above(values, THRESHOLD)

    assert [region.box for region in regions] == [
        (4, 0, 5, 2),
        (0, 0, 2, 2),
        (2, 3, 3, 4),
    ]
    assert [region.peak for region in regions] == pytest.approx([9, 4, 2.6])


def test_a_map_below_the_threshold_has_no_region() -> None:
    """The threshold itself is not above it."""
    assert regions_above(np.full((4, 5), 2.5, np.float32), THRESHOLD) == []


def test_the_number_of_regions_is_bounded() -> None:
    """Those of the highest peaks are kept."""
    values = np.zeros((40, 40), np.float32)
    values[::2, ::2] = np.arange(400).reshape(20, 20)
    regions = regions_above(values, 1)

    assert len(regions) == MAX_REGIONS
    assert [region.peak for region in regions] == list(range(399, 379, -1))


@pytest.mark.parametrize("threshold", [1e-20, 0.1, 1 / 3, 2.5, 439.3723754882812, 1e9])
def test_levels_above_128_are_exactly_the_values_above_the_threshold(
    random: np.random.Generator, threshold: float
) -> None:
    """Also one float away from it; 255 is twice the threshold or more."""
    near = np.float32(threshold)
    below, above = np.nextafter(near, np.array([0, np.inf], np.float32))
    factors = random.random(1000, dtype=np.float32) * 3
    values = np.concatenate([[below, near, above, 2 * near, 1e30], factors * near])
    maps = values.astype(np.float32).reshape(1, 1, -1)
    levels = map_levels(maps, threshold)

    assert levels.shape == (1, *maps.shape)
    assert np.array_equal(levels[0] > 128, maps > np.float64(threshold))
    assert levels[maps[np.newaxis] >= 2.01 * near].min() == 255
    expected = 128 * maps.astype(np.float64) / threshold
    assert np.abs(levels[0] - expected.clip(0, 255)).max() <= 1


@pytest.mark.parametrize("threshold", [0.0, -3.0])
def test_a_threshold_may_be_0_or_less(threshold: float) -> None:
    """All values above it are bright, and colored."""
    maps = np.array([[[0, 1e-6, 1e6]]], np.float32)
    levels = map_levels(maps, threshold)
    shown = overlay(np.zeros((1, 1, 1, 3), np.uint8), maps, threshold)

    assert np.array_equal(shown[0, 0] > 0, maps[0] > threshold)
    assert levels.ravel().tolist() == [129 if threshold < 0 else 0, 255, 255]


@pytest.mark.parametrize("channels", [1, 3])
def test_only_pixels_above_the_threshold_are_colored(
    random: np.random.Generator, channels: int
) -> None:
    """Others are those of the image, in grey as in color."""
    images = random.integers(0, 256, (2, channels, 6, 7), dtype=np.uint8)
    maps = random.random((2, 6, 7), dtype=np.float32) * 5
    maps[1] = 2.5
    pictures = overlay(images, maps, THRESHOLD)
    changed = (pictures != images).any(axis=1)

    assert pictures.shape == (2, 3, 6, 7)
    assert not changed[1].any()
    assert np.array_equal(changed[0], maps[0] > THRESHOLD)


def test_the_color_reddens_with_the_value() -> None:
    """On a fixed scale: it does not depend on the other values of the map."""
    images = np.zeros((1, 1, 1, 3), np.uint8)
    maps = np.array([[[2.6, 5, 10_000]]], np.float32)
    colors = overlay(images, maps, THRESHOLD)[0, :, 0]
    alone = overlay(images[..., :1], maps[..., :1], THRESHOLD)[0, :, 0]
    red, green, _ = colors

    assert (red > 100).all()
    assert (np.diff(green.astype(int)) < 0).all()
    assert np.array_equal(alone, colors[:, :1])
