"""Sets of images to inspect: solar cells and textures, from packages of PyPI."""

import hashlib
from collections.abc import Iterator
from functools import cache
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from training.data.data_set import DataSet
from training.data.image_format import ImageFormat
from training.data.images import LabelledImages

SetName = Literal[
    "mono, by hash",
    "mono, by blocks",
    "poly, by hash",
    "poly, by blocks",
    "brick",
    "gravel",
]
SET_NAMES: tuple[SetName, ...] = get_args(SetName)

SIDE = 64
GOOD, DEFECTIVE = 0, 1
TRAIN_END, CALIBRATION_END = 0.6, 0.8  # of positions in [0, 1)
CROPS = {"train": 600, "calibration": 200, "test": 200, "defective": 200}
# Columns of a texture of 512 x 512 pixels that the crops of a split are cut from.
COLUMNS = {"train": (0, 288), "calibration": (288, 400), "test": (400, 512)}

Levels = NDArray[np.uint8]
Random = np.random.Generator


def read_set(name: SetName) -> DataSet:
    """Return a set of grey images, 64 x 64; the defective ones are test images."""
    if name in {"brick", "gravel"}:
        return texture_set(name)
    kind, split = name.split(", by ")
    return solar_cell_set(name, kind, split)


def solar_cell_set(name: str, kind: str, split: str) -> DataSet:
    """Return solar cells of a kind (mono, poly), split by hash or by blocks of files.

    Cells that are certainly good, and cells that are certainly defective. Blocks of
    files keep most cells of a module in one split.
    """
    images, defect, kinds, hashes = solar_cells()
    good = np.flatnonzero((kinds == kind) & (defect == 0))
    bad = np.flatnonzero((kinds == kind) & (defect == 1))
    positions = hashes[good] if split == "hash" else np.arange(len(good)) / len(good)
    train = images[good[positions < TRAIN_END]]
    between = (positions >= TRAIN_END) & (positions < CALIBRATION_END)
    calibration = images[good[between]]
    test = images[good[positions >= CALIBRATION_END]]
    return data_set(name, [train, calibration, test, images[bad]])


@cache
def solar_cells() -> tuple[Tensor, NDArray[np.float64], NDArray[np.str_], Levels]:
    """Return all cells of ELPV: levels, probability of a defect, kind, place by hash."""
    from elpv_dataset.utils import load_dataset  # noqa: PLC0415 - only for this set

    images, defect, kinds = load_dataset()
    digests = [hashlib.sha256(image.tobytes()).digest() for image in images]
    hashes = np.array([int.from_bytes(each[:4]) / 2**32 for each in digests])
    pixels = torch.from_numpy(images[:, None]).float()
    small = functional.interpolate(pixels, (SIDE, SIDE), mode="area")
    return small.round().byte(), defect, kinds, hashes


def texture_set(name: str) -> DataSet:
    """Return crops of a texture, some with painted defects.

    Each split has columns of its own.
    """
    from skimage import data  # noqa: PLC0415 - only for this set

    texture = getattr(data, name)()
    random = np.random.default_rng(0)
    parts = []
    for split, count in CROPS.items():
        columns = COLUMNS.get(split, COLUMNS["test"])
        crops = list(cut(texture, count, columns, random))
        if split == "defective":
            crops = [painted(crop, random) for crop in crops]
        parts.append(torch.from_numpy(np.stack(crops)[:, None]))
    return data_set(name, parts)


def cut(
    texture: Levels, count: int, columns: tuple[int, int], random: Random
) -> Iterator[Levels]:
    """Yield crops at random places of some columns."""
    first, end = columns
    for _ in range(count):
        left = random.integers(first, end - SIDE + 1)
        top = random.integers(0, len(texture) - SIDE + 1)
        yield texture[top : top + SIDE, left : left + SIDE]


def painted(crop: Levels, random: Random) -> Levels:
    """Return a crop with a scratch, a stain or a crumb."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    y, x = random.uniform(12, 52, 2)
    kind = random.integers(3)
    distance = np.hypot(rows - y, columns - x)
    cover = np.exp(-((distance / 5) ** 2)) * 0.6
    level = 0
    if kind == 0:
        angle = random.uniform(0, np.pi)
        across = (columns - x) * np.sin(angle) - (rows - y) * np.cos(angle)
        cover = np.clip(1.5 - np.abs(across), 0, 1) * (distance < 9)  # noqa: PLR2004
        level = 230
    elif kind == 1:
        cover = np.clip(3.5 - distance, 0, 1)
        level = random.choice([10, 245])
    levels: Levels = np.rint(crop + cover * (level - crop.astype(float)))
    return levels.astype(np.uint8)


def data_set(name: str, parts: list[Tensor]) -> DataSet:
    """Return a set of images to train on, to calibrate with, good and defective."""
    train, calibration, test, defective = parts
    labels = torch.full((len(test) + len(defective),), GOOD)
    labels[len(test) :] = DEFECTIVE
    return DataSet(
        name=name,
        title=name,
        source=name,
        format=ImageFormat(1, SIDE, SIDE, "stretch"),
        class_names=("good", "defective"),
        train=unlabelled(train),
        calibration=unlabelled(calibration),
        test=LabelledImages(torch.cat([test, defective]), labels),
        normal="good",
        sha256={},
    )


def unlabelled(images: Tensor) -> LabelledImages:
    """Return images of the class without defects."""
    return LabelledImages(images, torch.full((len(images),), GOOD))
