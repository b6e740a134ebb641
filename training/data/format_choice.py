"""The choice of a format for pictures: size, colour, fit and background."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.data.folder_options import Color, FolderOptions
from training.data.image_format import ImageFormat
from training.data.picture import MODES, WHITE, flatten
from training.data.picture_file import PICTURE_ERRORS, PictureFacts, open_picture

Levels = NDArray[np.uint8]  # (height, width, channels)

SIZES = (28, 32, 48, 64, 96, 128)
SIMILAR_RATIOS = 1.05  # largest aspect ratio by the smallest, for stretching
GREY_MODES = {"1", "L", "LA", "F", "I", "I;16", "I;16B", "I;16L", "I;16N"}
GREY_TOLERANCE = 2  # levels by which JPEG's channels of a grey picture differ
BACKGROUND_SAMPLE = 200  # pictures whose borders give the background


def choose_format(
    folder: Path,
    facts: Mapping[str, PictureFacts],
    training_names: Sequence[str],
    options: FolderOptions,
) -> ImageFormat:
    """Return the format for all pictures; the background is by those for training.

    facts: of each picture in the folder, by its name.

    A file that cannot be decoded is ignored here.
    """
    size = options.size or choose_size(facts.values())
    channels = choose_channels(folder, facts, options.color)
    fit = options.fit
    if fit == "auto":
        fit = "stretch" if have_similar_ratios(facts.values()) else "pad"
    sampled = [folder / name for name in sample(training_names)]
    background = choose_background(sampled, channels, options)
    return ImageFormat(channels, size, size, fit, background)


def choose_size(facts: Iterable[PictureFacts]) -> int:
    """Return the largest size that is not above the pictures' median short side."""
    median = statistics.median_low(min(fact.width, fact.height) for fact in facts)
    return max((size for size in SIZES if size <= median), default=SIZES[0])


def have_similar_ratios(facts: Iterable[PictureFacts]) -> bool:
    """Return whether the aspect ratios vary by less than 5 %."""
    ratios = [fact.width / fact.height for fact in facts]
    return max(ratios) < SIMILAR_RATIOS * min(ratios)


def choose_channels(
    folder: Path, facts: Mapping[str, PictureFacts], color: Color
) -> int:
    """Return 1 if the pictures are grey, otherwise 3."""
    if color != "auto":
        return 1 if color == "grey" else 3
    for name, fact in facts.items():
        if fact.mode not in GREY_MODES and has_colors(folder / name):
            return 3
    return 1


def has_colors(path: Path) -> bool:
    """Return whether some pixel's channels differ by more than GREY_TOLERANCE."""
    levels = read_levels(path, channels=3)
    if levels is None:
        return False
    differences = levels.max(axis=2) - levels.min(axis=2)
    return bool(differences.max() > GREY_TOLERANCE)


def choose_background(
    paths: Sequence[Path], channels: int, options: FolderOptions
) -> tuple[int, ...]:
    """Return the levels of the colour asked for, or of the pictures' borders."""
    levels = options.background_levels()
    if levels is None:
        return border_color(paths, channels)
    return color_levels(levels, channels)


def border_color(paths: Iterable[Path], channels: int) -> tuple[int, ...]:
    """Return the median colour of pictures' borders; transparency is white."""
    medians = []
    for path in paths:
        levels = read_levels(path, channels)
        if levels is not None:
            medians.append(np.median(border(levels), axis=0))
    if not medians:
        return (WHITE,) * channels
    median = np.median(medians, axis=0)
    return tuple(int(level) for level in median)


def border(levels: Levels) -> Levels:
    """Return the levels (pixels, channels) on the four edges of a picture."""
    edges = [levels[0], levels[-1], levels[:, 0], levels[:, -1]]
    return np.concatenate(edges)


def sample(names: Sequence[str]) -> Sequence[str]:
    """Return at most BACKGROUND_SAMPLE names, at equal distances."""
    step = math.ceil(len(names) / BACKGROUND_SAMPLE)
    return names[::step]


def read_levels(path: Path, channels: int) -> Levels | None:
    """Return a picture's levels over white; None if it cannot be decoded."""
    mode = MODES[channels]
    try:
        with open_picture(path.read_bytes()) as image:
            opaque = flatten(image, (WHITE,))
            levels = np.asarray(opaque.convert(mode))
    except PICTURE_ERRORS:
        return None
    return levels.reshape(image.height, image.width, channels)


def color_levels(rgb: tuple[int, int, int], channels: int) -> tuple[int, ...]:
    """Return a colour's levels in 1 or 3 channels."""
    if channels == len(rgb):
        return rgb
    pixel = Image.new("RGB", (1, 1), rgb).convert("L")
    return (int(np.asarray(pixel)[0, 0]),)
