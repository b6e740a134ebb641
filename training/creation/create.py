"""Creation of a model from a folder of pictures: train, export, evaluate."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import typer

import training
from training.artifact.exported_model import ExportedModel
from training.artifact.readme import README_FILE
from training.creation.baseline import fit_baseline
from training.creation.checked_export import export_checked
from training.creation.pictures import read_pictures
from training.creation.result import describe_result
from training.creation.run_folder import claim_run_folder
from training.data.data_set import DataSet
from training.data.folder_options import FolderOptions
from training.evaluation.document import document
from training.files import create_writable_folder
from training.fitting.budget import epochs_within
from training.fitting.checkpoint import read_checkpoint
from training.fitting.recipe import Recipe, read_recipe
from training.fitting.run import resume, run
from training.fitting.trainers import make_trainer
from training.network.build import NetworkName

RECIPES = Path(training.__file__).parent / "recipes"
# Of the recipe, for images in colour or of this height.
LARGE_FIELDS = {"hidden_size": 256, "latent_size": 64}
LARGE_IMAGE = 128
# The learning rate of the mlp's recipe, which is MNIST's, diverges for 64 x 64 pixels.
MLP_NUMBERS = 28 * 28
LARGE_MLP_RATE = 0.005
SECONDS_PER_MINUTE = 60
ADDRESS = "http://127.0.0.1:8000/"  # of the service, by default


@dataclass(frozen=True, slots=True)
class Plan:
    """The model to make, and how.

    Attributes:
        folder: Of pictures.
        model: Folder to write the model to.
        run: Folder of the training run.
        pictures: The way the folder is read.
        recipe: Fields of the recipe that the user sets.
        minutes: Time to train, unless the recipe sets the epochs.
        device: To train on.
    """

    folder: Path
    model: Path
    run: Path
    pictures: FolderOptions
    recipe: dict[str, Any]
    minutes: float
    device: torch.device


def create(plan: Plan) -> None:
    """Make a model of a folder of pictures.

    After an interruption the same plan goes on from the last whole epoch. Raises
    DataError, TrainingError and ModelError.
    """
    data = read_pictures(plan.folder, plan.pictures)
    create_writable_folder(plan.model)
    checkpoint = claim_run_folder(plan.run, data)
    fit_network(plan, data, checkpoint)
    export_checked(checkpoint, plan.model, data)
    exported = ExportedModel(plan.model)
    card = document(exported, data, fit_baseline(exported, data))
    typer.echo(describe_result(card))
    typer.echo(f"read more: {plan.model / README_FILE}")
    typer.echo(f"serve it: vae-service --model {plan.model}")
    typer.echo(f"then open {ADDRESS}")


def fit_network(plan: Plan, data: DataSet, checkpoint: Path) -> None:
    """Train, or continue the run that was interrupted."""
    recipe = choose_recipe(plan, data, checkpoint)
    trainer = make_trainer(data.train, recipe, plan.device)
    if checkpoint.exists():
        resume(trainer, checkpoint)
    run(trainer, checkpoint, lambda _: None)


def choose_recipe(plan: Plan, data: DataSet, checkpoint: Path) -> Recipe:
    """Return the recipe of an interrupted run, or the one for this data and time.

    The fields that the user sets win.
    """
    if checkpoint.exists():
        earlier: Recipe = read_checkpoint(checkpoint)["recipe"]
        return replace(earlier, **plan.recipe)
    fields = default_fields(plan.recipe.get("network", "conv"), data)
    recipe = Recipe(**fields | plan.recipe)
    if "epochs" in plan.recipe:
        return recipe
    if recipe.network == "linear":  # fitted in closed form, in one step
        return replace(recipe, epochs=1)
    typer.echo("measuring the speed of training")
    seconds = plan.minutes * SECONDS_PER_MINUTE
    epochs = epochs_within(seconds, data.train, recipe, plan.device)
    typer.echo(
        f"training: {epochs} epochs, at most about {plan.minutes:g} minutes "
        "if nothing else runs"
    )
    return replace(recipe, epochs=epochs)


def default_fields(network: NetworkName, data: DataSet) -> dict[str, Any]:
    """Return the fields of a recipe for a network and a data set."""
    if network == "mlp":
        return {"learning_rate": LARGE_MLP_RATE} if is_large_for_mlp(data) else {}
    fields: dict[str, Any] = dict(read_recipe(RECIPES / f"{network}.toml"))
    if data.format.channels > 1 or data.format.height >= LARGE_IMAGE:
        fields |= LARGE_FIELDS
    return fields


def is_large_for_mlp(data: DataSet) -> bool:
    """Return whether an image has more numbers than one of MNIST."""
    return math.prod(data.format.shape) > MLP_NUMBERS
