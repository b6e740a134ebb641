"""Training with images that stay uint8 until they are used."""

import torch
from torch import Tensor
from typing_extensions import override

from training.data.images import MAX_LEVEL, LabelledImages
from training.fitting.trainer import Trainer

SUMMED_IMAGES = 1000  # at a time: PyTorch makes a copy of eight times their size


class LevelsTrainer(Trainer):
    """A training run on images of shape (channels, height, width).

    As float32 they would take four times the memory.
    """

    @override
    def _load(self, images: LabelledImages) -> Tensor:
        return images.images

    @override
    def _mean_image(self) -> Tensor:
        total = torch.zeros_like(self.pixels[0], dtype=torch.int64)
        for part in self.pixels.split(SUMMED_IMAGES):
            total += part.sum(dim=0, dtype=torch.int64)
        return total.float() / (len(self.pixels) * MAX_LEVEL)

    @override
    def _batch(self, positions: Tensor) -> Tensor:
        levels = self.pixels.index_select(0, positions)
        return levels.float() / MAX_LEVEL
