"""Images with labels as tensors, and their splits."""

from dataclasses import dataclass

import torch
from torch import Tensor

from training.data.errors import DataError
from training.network.mlp import ImageShape

MAX_LEVEL = 255  # of a uint8 pixel
SUBSET_SEED = 0


@dataclass(frozen=True, slots=True)
class LabelledImages:
    """Images with the class of each.

    images: uint8 (count, channels, height, width).
    labels: int64 (count,), each an index of the data set's class names.
    """

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.images)

    @property
    def image_shape(self) -> ImageShape:
        """Channels, height and width."""
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    @property
    def has_classes(self) -> bool:
        """Return whether the images are of more than one class."""
        return len(self.labels.unique()) > 1

    def first(self, count: int | None) -> "LabelledImages":
        """Return the first ``count`` images, or all if it is None.

        Raises DataError if there are fewer.
        """
        if count is not None and not 1 <= count <= len(self):
            raise DataError(f"{count} images asked for, {len(self)} are there")
        return self._part(slice(count))

    def after(self, count: int) -> "LabelledImages":
        """Return the images after the first ``count``.

        Raises DataError if there are none.
        """
        if count >= len(self):
            raise DataError(
                f"no images after the first {count}: {len(self)} are there; "
                "--train-size leaves some out"
            )
        return self._part(slice(count, None))

    def random_part(self, count: int) -> "LabelledImages":
        """Return ``count`` random images; all, in their order, if there are no more."""
        if len(self) <= count:
            return self
        generator = torch.Generator().manual_seed(SUBSET_SEED)
        order = torch.randperm(len(self), generator=generator)
        return self.select(order[:count])

    def halves(self) -> tuple["LabelledImages", "LabelledImages"]:
        """Return the images at even and at odd positions.

        Halves of MNIST's test digits in sequence would differ: the first and the last
        5,000 are of different writers.
        """
        even = self._part(slice(0, None, 2))
        odd = self._part(slice(1, None, 2))
        return even, odd

    def select(self, indices: Tensor) -> "LabelledImages":
        """Return the images at the indices."""
        return LabelledImages(self.images[indices], self.labels[indices])

    def pixels(self) -> Tensor:
        """Return the images as float32 in [0, 1], in the same shape."""
        return self.images.float() / MAX_LEVEL

    def _part(self, positions: slice) -> "LabelledImages":
        return LabelledImages(
            images=self.images[positions],
            labels=self.labels[positions],
        )
