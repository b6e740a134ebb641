"""Made pictures of one kind of part in a fixture: small movements, light and noise."""

import math

import torch
from torch import Tensor

from training.data.images import LabelledImages

MAX_SHIFT = 0.03  # of the picture's side
MAX_TURN = math.radians(3)
MAX_LIGHT = 0.05
NOISE = 0.01  # standard deviation, of pixels in [0, 1]
EDGE = 60.0  # steepness of edges: a side is 2 long
HOLES = ((-0.35, -0.3), (0.35, -0.3), (0.35, 0.3), (-0.35, 0.3))
GROUND = (0.55, 0.57, 0.6)
PLATE = (0.75, 0.62, 0.35)
LABEL = (0.2, 0.35, 0.7)
COLORS = (GROUND, PLATE, LABEL)


def aligned_parts(count: int, side: int, seed: int) -> LabelledImages:
    """Return colour pictures of a plate with four holes and a label."""
    generator = torch.Generator().manual_seed(seed)
    axis = torch.linspace(-1, 1, side)
    rows, columns = torch.meshgrid(axis, axis, indexing="ij")
    pictures = [draw_part(rows, columns, generator) for _ in range(count)]
    levels = torch.stack(pictures).clamp(0, 1).mul(255).round().byte()
    return LabelledImages(levels, torch.zeros(count, dtype=torch.int64))


def draw_part(rows: Tensor, columns: Tensor, generator: torch.Generator) -> Tensor:
    """Return one picture, (3, side, side)."""
    amounts = 2 * torch.rand(4, generator=generator) - 1
    shift_x, shift_y, turn, light = amounts.tolist()
    left = columns - 2 * MAX_SHIFT * shift_x
    top = rows - 2 * MAX_SHIFT * shift_y
    cosine, sine = math.cos(MAX_TURN * turn), math.sin(MAX_TURN * turn)
    x = cosine * left + sine * top
    y = cosine * top - sine * left
    ground, plate, label = (torch.tensor(each).reshape(3, 1, 1) for each in COLORS)
    picture = blend(ground, plate, box(x, y, 0.65, 0.55))
    for hole_x, hole_y in HOLES:
        distance = torch.hypot(x - hole_x, y - hole_y)
        picture = blend(picture, ground * 0.5, edge(0.12 - distance))
    picture = blend(picture, label, box(x, y, 0.18, 0.1))
    shade = 1 + MAX_LIGHT * light + 0.1 * rows
    noise = NOISE * torch.randn(picture.shape, generator=generator)
    part: Tensor = picture * shade + noise
    return part


def blend(below: Tensor, above: Tensor, cover: Tensor) -> Tensor:
    """Return colours (3, ...) with others over them, by their cover in [0, 1]."""
    return below + (above - below) * cover


def box(x: Tensor, y: Tensor, half_width: float, half_height: float) -> Tensor:
    """Return the cover of a rectangle around the origin."""
    return edge(half_width - x.abs()) * edge(half_height - y.abs())


def edge(distance: Tensor) -> Tensor:
    """Return the cover at signed distances to an edge, soft over about a pixel."""
    return torch.sigmoid(EDGE * distance)
