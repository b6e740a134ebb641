"""Random changes of training images."""

import pytest
import torch
from torch import Tensor

from training.data.augmentation import flip, jitter


@pytest.fixture
def generator() -> torch.Generator:
    """Return a seeded generator."""
    return torch.Generator().manual_seed(0)


def ramps(count: int, height: int = 20, width: int = 40) -> Tensor:
    """Return colour images that get brighter to the right, by 0.01 a pixel."""
    row = 0.3 + 0.01 * torch.arange(width)
    return row.expand(count, 3, height, width)


def test_jitter_moves_by_few_pixels_and_changes_the_light_a_little(
    generator: torch.Generator,
) -> None:
    """In the middle nothing but the shift and the light changes a ramp."""
    pixels = ramps(500)

    ratios = jitter(pixels, generator)[:, :, 9:11, 19:21] / pixels[:, :, 9:11, 19:21]

    assert 1.04 < ratios.max() < 1.04 * (1 + 0.02 / 0.49) + 0.01
    assert 0.93 < ratios.min() < 0.96
    assert abs(ratios.mean() - 1) < 0.005


def test_jitter_keeps_shape_and_range(generator: torch.Generator) -> None:
    """White stays white at most, up to the edges."""
    pixels = torch.ones(50, 1, 28, 31)

    changed = jitter(pixels, generator)

    assert changed.shape == pixels.shape
    assert 0.95 < changed.min() < changed.max() == 1


def test_images_are_changed_differently(generator: torch.Generator) -> None:
    """Each image of a batch has its own jitter, the same with the same seed."""
    pixels = ramps(5)
    changed = jitter(pixels, generator)
    again = jitter(pixels, torch.Generator().manual_seed(0))

    assert len(changed.unique(dim=0)) == 5
    assert again.equal(changed)


@pytest.mark.parametrize("axis", [2, 3])
def test_half_of_the_images_are_mirrored(axis: int, generator: torch.Generator) -> None:
    """Each image is itself or its mirror image."""
    pixels = torch.rand(1, 3, 4, 5, generator=generator).expand(1000, 3, 4, 5)

    mirrored = flip(pixels, axis, generator)

    same = (mirrored == pixels).flatten(1).all(dim=1)
    other = (mirrored == pixels.flip(axis)).flatten(1).all(dim=1)
    assert (same ^ other).all()
    assert 400 < same.sum() < 600
