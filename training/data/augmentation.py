"""Random changes of training images that leave their content as it is."""

import math

import torch
from torch import Tensor
from torch.nn import functional

# Largest changes of `jitter`: the play of parts in a fixture, and of its lamp.
JITTER_SHIFT_PX = 1.5
JITTER_DEGREES = 2.0
JITTER_LIGHT = 0.04
HALF = 0.5  # probability of a flip


def jitter(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Shift, turn and lighten images (count, channels, height, width) in [0, 1].

    Each by random amounts of its own, uniform up to the largest ones. Edges are
    continued by their own pixels.
    """
    count, _, height, width = pixels.shape
    shift_x, shift_y, turn, light = symmetric_uniform(4, count, generator)
    angle = turn * math.radians(JITTER_DEGREES)
    cosine, sine = angle.cos(), angle.sin()
    # Coordinates range from -1 to 1: a turn of a rectangle scales them by its ratio.
    ratio = height / width
    first_row = [cosine, -sine * ratio, shift_x * (2 * JITTER_SHIFT_PX / width)]
    second_row = [sine / ratio, cosine, shift_y * (2 * JITTER_SHIFT_PX / height)]
    rows = [torch.stack(row, dim=1) for row in (first_row, second_row)]
    transforms = torch.stack(rows, dim=1)
    size = list(pixels.shape)
    grid = functional.affine_grid(transforms, size, align_corners=False)
    moved: Tensor = functional.grid_sample(
        pixels, grid, padding_mode="border", align_corners=False
    )
    factors = 1 + light * JITTER_LIGHT
    lightened: Tensor = moved * factors.reshape(-1, 1, 1, 1)
    return lightened.clamp(0, 1)


def flip(pixels: Tensor, axis: int, generator: torch.Generator) -> Tensor:
    """Mirror each image along an axis with a probability of one half."""
    chances = torch.rand(len(pixels), generator=generator, device=pixels.device)
    mirrored = (chances < HALF).reshape(-1, 1, 1, 1)
    return torch.where(mirrored, pixels.flip(axis), pixels)


def symmetric_uniform(rows: int, count: int, generator: torch.Generator) -> Tensor:
    """Return random numbers (rows, count), uniform in [-1, 1)."""
    uniform = torch.rand(rows, count, generator=generator, device=generator.device)
    return 2 * uniform - 1
