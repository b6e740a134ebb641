"""A small data set in colour: squares, disks and rings of random place and hue."""

from dataclasses import replace

import numpy as np
import torch

from training.data.data_set import DataSet
from training.data.folder import LIST_OF_FILES
from training.data.image_format import ImageFormat
from training.data.images import LabelledImages

SIDE = 32
CLASS_NAMES = ("disk", "ring", "square")


def shapes(seed: int, count: int) -> LabelledImages:
    """Draw shapes, (count, 3, 32, 32), as often of each class."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    images = np.empty((count, 3, SIDE, SIDE), dtype=np.uint8)
    labels = np.arange(count) % len(CLASS_NAMES)
    for image, label in zip(images, labels, strict=True):
        y, x = random.integers(11, 21, size=2)
        radius = random.integers(6, 10)
        round_distance = np.hypot(rows - y, columns - x)
        square_distance = np.maximum(abs(rows - y), abs(columns - x))
        distance = square_distance if label == 2 else round_distance
        inside = distance < radius
        if label == 1:
            inside &= distance > radius / 2
        background, hue = random.integers(0, 256, size=(2, 3))
        image[:] = np.where(inside, hue[:, None, None], background[:, None, None] // 4)
    return LabelledImages(torch.from_numpy(images), torch.from_numpy(labels))


def shape_data() -> DataSet:
    """Return a data set of three classes in colour."""
    return DataSet(
        name="shapes",
        title="Shapes",
        source="folder shapes",
        format=ImageFormat(3, SIDE, SIDE, fit="pad", background=(0, 0, 0)),
        class_names=CLASS_NAMES,
        train=shapes(0, 240),
        calibration=shapes(1, 60),
        test=shapes(2, 120),
        normal=None,
        sha256={LIST_OF_FILES: "0" * 64},
        licence="CC0",
    )


def without_classes(data: DataSet) -> DataSet:
    """Return the same images without classes."""

    def unlabelled(images: LabelledImages) -> LabelledImages:
        return LabelledImages(images.images, torch.zeros_like(images.labels))

    return replace(
        data,
        class_names=(),
        train=unlabelled(data.train),
        calibration=unlabelled(data.calibration),
        test=unlabelled(data.test),
    )
