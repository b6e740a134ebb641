"""The number of epochs that fit into a time."""

from dataclasses import replace
from itertools import pairwise
from time import perf_counter

import torch

from training.data.images import LabelledImages
from training.fitting.recipe import Recipe
from training.fitting.trainers import make_trainer

TRIED_BATCHES = 4
TRIED_EPOCHS = 5
MAX_STEPS = 6_000  # of a large set; a small one is overfitted by then


def epochs_within(
    seconds: float, images: LabelledImages, recipe: Recipe, device: torch.device
) -> int:
    """Return the number of epochs of a recipe that take this time; at least one.

    A few steps of a run of its own are timed; the fastest count, because other
    processes may slow some of them. A closed form has one epoch.
    """
    if recipe.network == "linear":
        return 1
    tried = images.random_part(recipe.batch_size * TRIED_BATCHES)
    trial = make_trainer(tried, replace(recipe, epochs=TRIED_EPOCHS), device)
    times = [perf_counter()]
    times += [perf_counter() for _ in trial.epochs()]
    fastest = min(end - start for start, end in pairwise(times))
    seconds_per_image = fastest / len(tried)
    affordable = int(seconds / (seconds_per_image * len(images)))
    steps = max(1, len(images) // recipe.batch_size)
    return max(1, min(affordable, MAX_STEPS // steps))
