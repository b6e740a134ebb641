"""The number of epochs that fit into a time."""

from dataclasses import replace
from time import perf_counter

import torch

from training.data.images import LabelledImages
from training.fitting.recipe import Recipe
from training.fitting.trainers import make_trainer

TRIED_BATCHES = 12
MAX_STEPS = 6_000  # more gained nothing on any set that was measured


def epochs_within(
    seconds: float, images: LabelledImages, recipe: Recipe, device: torch.device
) -> int:
    """Return the number of epochs of a recipe that take this time; at least one.

    A few steps of a run of its own are timed. A closed form has one epoch.
    """
    if recipe.network == "linear":
        return 1
    tried = images.random_part(recipe.batch_size * TRIED_BATCHES)
    trial = make_trainer(tried, replace(recipe, epochs=2), device)
    epochs = trial.epochs()
    next(epochs)  # the first epoch warms up
    start = perf_counter()
    next(epochs)
    seconds_per_image = (perf_counter() - start) / len(tried)
    affordable = int(seconds / (seconds_per_image * len(images)))
    steps = max(1, len(images) // recipe.batch_size)
    return max(1, min(affordable, MAX_STEPS // steps))
