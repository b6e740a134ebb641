"""Checkpoints: the whole state of a training run in a file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from torch.optim.swa_utils import AveragedModel

from training.files import read_saved
from training.fitting.errors import TrainingError
from training.fitting.recipe import Recipe, RecipeError
from training.network.build import Network
from training.network.objective import Objective

CHECKPOINT_FORMAT = 3


@dataclass(frozen=True, slots=True)
class EpochResult:
    """Means over the images of one training epoch, in nats an image.

    epoch: from 1.
    loss: the minimised loss. It is the sum of the other two, the negative ELBO, except
        for the objective ``importance-weighted``.
    """

    epoch: int
    loss: float
    reconstruction_loss: float
    kl_divergence: float


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return the state in a checkpoint, on the CPU.

    Raises OSError, and TrainingError, naming the file, if it is not a checkpoint.
    """
    state = read_saved(path)
    if not isinstance(state, dict) or "format" not in state:
        raise TrainingError(f"{path} is not a checkpoint of this program")
    if state["format"] != CHECKPOINT_FORMAT:
        raise TrainingError(
            f"{path} is a checkpoint of format {state['format']}, "
            f"not {CHECKPOINT_FORMAT}"
        )
    try:
        state["recipe"] = Recipe(**state["recipe"])
        state["history"] = [EpochResult(**result) for result in state["history"]]
    except (LookupError, TypeError, RecipeError) as error:
        raise TrainingError(
            f"{path} is not a checkpoint of this program: {error}"
        ) from error
    return state


def objective_of(state: dict[str, Any]) -> Objective:
    """Return the objective of a checkpoint's run, with the variance it has learned."""
    recipe: Recipe = state["recipe"]
    return Objective(
        recipe.objective, recipe.c, recipe.importance_samples, state["variance"]
    )


def trained_model(path: Path) -> tuple[Network, dict[str, Any]]:
    """Return a checkpoint's averaged weights as a model, and its state.

    Raises OSError and TrainingError as `read_checkpoint` does.
    """
    state = read_checkpoint(path)
    recipe: Recipe = state["recipe"]
    model = recipe.make_network(state["image_shape"])
    averaged = AveragedModel(model)
    averaged.load_state_dict(state["averaged"])
    return cast("Network", averaged.module).eval(), state
