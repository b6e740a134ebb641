"""Made pictures of one aligned part, good and with six kinds of defects, with masks.

A part is drawn from signed distances, so that its edges are smooth at any place. Each
picture has its own movement, light and noise; the same seed gives the same pictures.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Random = np.random.Generator

SIZE = 64
GREY = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
VISIBLE = 0.04  # a pixel is of a defect if a channel differs by more

BENCH = (0.16, 0.17, 0.19)
BODY = (0.52, 0.55, 0.60)
RING = (0.72, 0.62, 0.36)
LABEL = (0.70, 0.24, 0.20)
SLOT = (0.24, 0.32, 0.48)
HOLE = (0.08, 0.08, 0.09)
HOLES = ((-18.0, -18.0), (18.0, -18.0), (-18.0, 18.0), (18.0, 18.0))


@dataclass(frozen=True)
class Variation:
    """Differences between good parts: standard deviations, but for the light.

    Attributes:
        shift: Movement along each axis, in pixels.
        turn: Rotation, in degrees.
        light: Largest relative change of all levels.
        noise: Of each pixel, in levels of [0, 1].
    """

    shift: float = 0.8
    turn: float = 1.2
    light: float = 0.05
    noise: float = 0.012


@dataclass(frozen=True)
class Parts:
    """Pictures uint8 (n, channels, 64, 64), and bool masks (n, 64, 64) of defects."""

    images: NDArray[np.uint8]
    masks: NDArray[np.bool_]


@dataclass(frozen=True)
class Pose:
    """Coordinates of each pixel in the part's own system, the origin its centre."""

    x: Floats
    y: Floats

    def circle(self, x: float, y: float, radius: float) -> Floats:
        """Return the distance to a circle, negative inside."""
        distance: Floats = np.hypot(self.x - x, self.y - y) - radius
        return distance

    def box(self, x: float, y: float, width: float, height: float) -> Floats:
        """Return the distance to a box with corners rounded by 2 pixels."""
        across = np.abs(self.x - x) - width / 2 + 2
        along = np.abs(self.y - y) - height / 2 + 2
        outside = np.hypot(np.maximum(across, 0), np.maximum(along, 0))
        inside = np.minimum(np.maximum(across, along), 0)
        distance: Floats = outside + inside - 2
        return distance

    def line(self, x: float, y: float, angle: float, length: float) -> Floats:
        """Return the distance to a line segment that begins at a point."""
        across, along = np.cos(angle), np.sin(angle)
        right, down = self.x - x, self.y - y
        place = np.clip(right * across + down * along, 0, length)
        distance: Floats = np.hypot(right - place * across, down - place * along)
        return distance


def good_parts(
    count: int, channels: int, seed: int, variation: Variation | None = None
) -> Parts:
    """Return parts without defects."""
    return _parts(count, channels, seed, variation, None)


def defective_parts(
    kind: str, count: int, channels: int, seed: int, variation: Variation | None = None
) -> Parts:
    """Return parts with a defect of a kind of ``DEFECTS``, each elsewhere."""
    return _parts(count, channels, seed, variation, DEFECTS[kind])


def _parts(
    count: int,
    channels: int,
    seed: int,
    variation: Variation | None,
    defect: "Defect | None",
) -> Parts:
    """Draw parts, each from the random numbers of its own seed."""
    images = np.empty((count, channels, SIZE, SIZE), dtype=np.uint8)
    masks = np.zeros((count, SIZE, SIZE), dtype=np.bool_)
    for index in range(count):
        random = np.random.default_rng([seed, index])
        images[index], masks[index] = _part(
            random, channels, variation or Variation(), defect
        )
    return Parts(images, masks)


def _part(
    random: Random, channels: int, variation: Variation, defect: "Defect | None"
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return one picture (channels, 64, 64) and the mask of its defect (64, 64)."""
    pose = _pose(random, variation)
    light = 1 + variation.light * random.uniform(-1, 1)
    noise = variation.noise * random.standard_normal((3, SIZE, SIZE))
    part = _draw(pose)
    shown = part if defect is None else _until_visible(defect, part, pose, random)
    levels = light * shown + noise
    difference = shown - part
    if channels == 1:
        levels = np.tensordot(GREY, levels, 1)[np.newaxis]
        difference = np.tensordot(GREY, difference, 1)[np.newaxis]
    mask = np.abs(difference).max(axis=0) > VISIBLE
    image = np.rint(255 * np.clip(levels, 0, 1)).astype(np.uint8)
    return image, mask


def _pose(random: Random, variation: Variation) -> Pose:
    """Return the coordinates of a part that is moved and turned."""
    shift_x, shift_y = variation.shift * random.standard_normal(2)
    angle = np.radians(variation.turn) * random.standard_normal()
    axis = np.arange(SIZE) - (SIZE - 1) / 2
    x, y = np.meshgrid(axis - shift_x, axis - shift_y)
    cosine, sine = np.cos(angle), np.sin(angle)
    return Pose(cosine * x + sine * y, cosine * y - sine * x)


def _paint(levels: Floats, distance: Floats, colour: tuple[float, ...]) -> Floats:
    """Return levels (3, height, width), with a colour inside, its edge smooth."""
    cover = np.clip(0.5 - distance, 0, 1)
    painted: Floats = levels + cover * (_column(colour) - levels)
    return painted


def _column(colour: tuple[float, ...]) -> Floats:
    """Return a colour (3, 1, 1)."""
    return np.array(colour)[:, np.newaxis, np.newaxis]


def _draw(pose: Pose) -> Floats:
    """Return the levels (3, 64, 64) of a part without a defect."""
    bench = np.broadcast_to(_column(BENCH), (3, SIZE, SIZE))
    part = _paint(bench, pose.box(0, 0, 50, 50), BODY)
    part = part * (1 + 0.03 * np.sin(pose.y * 0.8))  # brushed
    part = _paint(part, pose.circle(0, 0, 13), RING)
    part = _paint(part, pose.circle(0, 0, 7), HOLE)
    part = _paint(part, pose.box(0, -19, 16, 6), LABEL)
    part = _paint(part, pose.box(0, 19, 18, 6), SLOT)
    for x, y in HOLES:
        part = _paint(part, pose.circle(x, y, 3), HOLE)
    return part


Defect = Callable[[Floats, Pose, Random], Floats]
LEAST_AREA = 6  # visible pixels; a defect with fewer is drawn again elsewhere


def _until_visible(defect: Defect, part: Floats, pose: Pose, random: Random) -> Floats:
    """Return the part with a defect that can be seen, even in grey."""
    while True:
        shown = defect(part, pose, random)
        difference = np.abs(np.tensordot(GREY, shown - part, 1))
        if np.count_nonzero(difference > VISIBLE) >= LEAST_AREA:
            return shown


def _place(random: Random) -> tuple[float, float]:
    """Return a random place on the part's body."""
    x, y = random.uniform(-22, 22, 2)
    return x, y


def _scratch(part: Floats, pose: Pose, random: Random) -> Floats:
    """Add a thin line, lighter or darker."""
    x, y = _place(random)
    line = pose.line(x, y, random.uniform(0, 2 * np.pi), random.uniform(8, 18))
    level = random.choice([0.12, 0.92])
    return _paint(part, line - 0.6, (level, level, level))


def _stain(part: Floats, pose: Pose, random: Random) -> Floats:
    """Darken a round place with a soft edge."""
    x, y = _place(random)
    radius = random.uniform(2.5, 4.5)
    distance = pose.circle(x, y, 0) / radius
    stained: Floats = part * (1 - random.uniform(0.25, 0.5) * np.exp(-(distance**2)))
    return stained


def _chip(part: Floats, pose: Pose, random: Random) -> Floats:
    """Break a piece out of the body's edge."""
    along, radius = random.uniform(-20, 20), random.uniform(3, 5)
    sides = ((along, 25), (along, -25), (25, along), (-25, along))
    x, y = sides[random.integers(4)]
    return _paint(part, pose.circle(x, y, radius), BENCH)


def _missing(part: Floats, pose: Pose, random: Random) -> Floats:
    """Leave one of the four holes out."""
    x, y = HOLES[random.integers(4)]
    return _paint(part, pose.circle(x, y, 4), BODY)


def _crumb(part: Floats, pose: Pose, random: Random) -> Floats:
    """Add a small foreign body of any colour."""
    x, y = _place(random)
    red, green, blue = random.uniform(0, 1, 3)
    return _paint(part, pose.circle(x, y, random.uniform(1.5, 3)), (red, green, blue))


def _dent(part: Floats, pose: Pose, random: Random) -> Floats:
    """Shade a place lighter on one side and darker on the other."""
    x, y = _place(random)
    radius, angle = random.uniform(2.5, 4), random.uniform(0, 2 * np.pi)
    right, down = (pose.x - x) / radius, (pose.y - y) / radius
    slope = right * np.cos(angle) + down * np.sin(angle)
    shade = slope * np.exp(-(right**2 + down**2))
    dented: Floats = part * (1 + random.uniform(0.5, 0.9) * shade)
    return dented


DEFECTS: dict[str, Defect] = {
    "scratch": _scratch,
    "stain": _stain,
    "chip": _chip,
    "missing": _missing,
    "crumb": _crumb,
    "dent": _dent,
}
