"""The trainer of each network."""

import torch

from training.data.images import LabelledImages
from training.fitting.autograd_trainer import AutogradTrainer
from training.fitting.linear_trainer import LinearTrainer
from training.fitting.recipe import Recipe
from training.fitting.trainer import Trainer
from training.network.build import NetworkName

TRAINERS: dict[NetworkName, type[Trainer]] = {
    "mlp": Trainer,
    "conv": AutogradTrainer,
    "linear": LinearTrainer,
}


def make_trainer(
    images: LabelledImages, recipe: Recipe, device: torch.device
) -> Trainer:
    """Return a new training run of the network that the recipe names."""
    return TRAINERS[recipe.network](images, recipe, device)
