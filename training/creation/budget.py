"""The number of epochs that fits into a time."""

import time
from dataclasses import replace

import torch

from training.data.images import LabelledImages
from training.fitting.recipe import Recipe
from training.fitting.trainer import Trainer

MEASURED_BATCHES = 20
MAX_EPOCHS = 1000
SECONDS_PER_MINUTE = 60


def epochs_within(
    minutes: float,
    images: LabelledImages,
    recipe: Recipe,
    device: torch.device,
) -> int:
    """Return the number of epochs that take this time, at least 1, at most MAX_EPOCHS.

    Measured by some steps of a run that is thrown away; its first epoch is not measured,
    which takes longer.
    """
    count = min(len(images), MEASURED_BATCHES * recipe.batch_size)
    trainer = Trainer(images.first(count), replace(recipe, epochs=2), device)
    epochs = iter(trainer.epochs())
    next(epochs)
    started = time.perf_counter()
    next(epochs)
    seconds = (time.perf_counter() - started) * len(images) / count
    epochs_in_time = int(minutes * SECONDS_PER_MINUTE / seconds)
    return min(max(epochs_in_time, 1), MAX_EPOCHS)
