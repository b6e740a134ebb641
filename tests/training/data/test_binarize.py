"""Binarised pixels follow the grey ones."""

import pytest
import torch

from training.data.binarize import binarize


def test_a_pixel_is_the_probability_of_white() -> None:
    """A pixel is the probability of white; black and white pixels stay the same."""
    pixels = torch.tensor([[0.0, 0.25, 1.0]]).expand(100_000, 3)
    drawn = binarize(pixels, torch.Generator().manual_seed(0))

    assert set(drawn.unique().tolist()) == {0.0, 1.0}
    assert drawn.mean(dim=0).tolist() == pytest.approx([0, 0.25, 1], abs=0.01)
