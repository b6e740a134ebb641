"""The optimizers that a recipe names."""

from torch import nn
from torch.optim import Adam, Optimizer

from training.fitting.muon import Muon
from training.fitting.recipe import Recipe

MIN_MATRIX_DIMENSIONS = 2  # the kernels of a convolution have four


def make_optimizers(model: nn.Module, recipe: Recipe) -> list[Optimizer]:
    """Return the optimizers that together update all parameters of a model.

    Muon is for matrices only and leaves the biases to Adam.
    """
    parameters = list(model.parameters())
    rate = recipe.learning_rate
    if recipe.optimizer == "adam":
        return [Adam(parameters, lr=rate, fused=True)]
    matrices = [each for each in parameters if each.dim() >= MIN_MATRIX_DIMENSIONS]
    biases = [each for each in parameters if each.dim() < MIN_MATRIX_DIMENSIONS]
    muon = Muon(matrices, lr=rate)
    adam = Adam(biases, lr=rate, fused=True)
    return [muon, adam]
