"""A small data set in colour: squares, disks and rings of random place and hue."""

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from training.artifact.exported_model import Floats
from training.data.data_set import DataSet
from training.data.folder import LIST_OF_FILES
from training.data.image_format import ImageFormat
from training.data.images import LabelledImages
from training.network.objective import Objective

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


@dataclass(frozen=True)
class PrincipalComponents:
    """An autoencoder of the first principal components."""

    mean: Tensor
    components: Tensor  # (latent, pixels)
    shape: tuple[int, ...]
    objective: Objective = field(default_factory=Objective)
    binarized: bool = False

    @property
    def latent_size(self) -> int:
        """Number of components."""
        return len(self.components)

    def encode(self, pixels: Floats) -> tuple[Floats, Floats]:
        """Return the components' coordinates, and a small variance."""
        flat = torch.from_numpy(pixels).flatten(start_dim=1)
        latent = (flat - self.mean) @ self.components.T
        return latent.numpy(), torch.full_like(latent, -6).numpy()

    def decode(self, latent: Floats) -> Floats:
        """Return the pixels of coordinates, within their range."""
        flat = self.mean + torch.from_numpy(latent) @ self.components
        pixels: Floats = flat.clamp(0, 1).reshape(-1, *self.shape).numpy()
        return pixels


def principal_components(images: LabelledImages, size: int) -> PrincipalComponents:
    """Fit the first components to images."""
    pixels = images.pixels().flatten(start_dim=1)
    mean = pixels.mean(dim=0)
    _, _, components = torch.pca_lowrank(pixels - mean, q=size, center=False)
    return PrincipalComponents(mean, components.T, images.image_shape)
