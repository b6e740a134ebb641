"""The options of the command line, and the fields of data classes as options."""

import functools
import inspect
from collections.abc import Callable, Iterable
from copy import copy
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from typer import Argument, Option

from training.creation.create import RECIPES
from training.fitting.recipe import MAX_SEED, Recipe, read_recipe
from training.fitting.run import DeviceName

RUNS = Path("runs")
CHECKPOINT = RUNS / "mnist" / "checkpoint.pt"
CLASSIFIER = RUNS / "classifier.pt"
MODEL = Path("models/mnist")
DEMO = Path("demo")
DEMO_SEED = 4
MIN_TEST_DIGITS = 2  # one to calibrate with, one to test
# Of `create`, which depend on other options or on the pictures.
CHOSEN_DEFAULTS = {
    "epochs": "those that --minutes is enough for",
    "hidden_size": "128; 256 for colour or 128 pixels",
    "latent_size": "32; 64 for colour or 128 pixels",
}


def create_signature() -> inspect.Signature:
    """Return the signature of a recipe with the defaults of `create`."""
    defaults = read_recipe(RECIPES / "conv.toml")
    parameters = []
    for name, parameter in inspect.signature(Recipe).parameters.items():
        default = defaults.get(name, parameter.default)
        kind, option = get_args(parameter.annotation)
        shown = copy(option)
        shown.show_default = CHOSEN_DEFAULTS.get(name, True)
        annotation = Annotated[kind, shown]  # type: ignore[valid-type]  # a run-time type
        parameters.append(parameter.replace(default=default, annotation=annotation))
    return inspect.Signature(parameters)


class RecipeFields(dict[str, Any]):
    """A recipe's fields as they are on the command line, not checked together.

    The defaults that are shown are those of `create`, which takes only what is given.
    """

    __signature__ = create_signature()


def load_recipe(context: typer.Context, path: Path | None) -> Path | None:
    """Make a recipe file's values the defaults of the other options.

    The run is stored under the file's name.
    """
    if path is not None:
        defaults: dict[str, Any] = dict(read_recipe(path))
        defaults["checkpoint"] = RUNS / path.stem / "checkpoint.pt"
        context.default_map = defaults
    return path


Checkpoint = Annotated[Path, Option("--checkpoint", help="File of the training run.")]
Classifier = Annotated[
    Path, Option("--classifier", help="File of the classifier; trained if missing.")
]
ClassifierOutput = Annotated[
    Path, Option("--output", help="File to write the classifier to.")
]
Data = Annotated[
    Path | None,
    Option(
        "--data",
        help="Folder of pictures, or of MNIST's IDX files. Without: $MNIST_DIR, or "
        "MNIST is downloaded once.",
        show_default=False,
    ),
]
Device = Annotated[DeviceName, Option("--device", help="Device to train on.")]
ExportTestSize = Annotated[
    int | None,
    Option(
        "--test-size",
        min=MIN_TEST_DIGITS,
        metavar="N",
        help="Use only the first N test digits.",
    ),
]
FalseAlarmRate = Annotated[
    float | None,
    Option(
        "--false-alarm-rate",
        min=1e-6,
        max=1,
        metavar="RATE",
        help="Share of good pictures that may be called anomalous.",
        show_default="the model's",
    ),
]
Fashion = Annotated[
    Path | None,
    Option(
        "--fashion",
        help="Folder of Fashion-MNIST; else Debian's, if installed.",
        show_default=False,
    ),
]
HeldOut = Annotated[
    bool,
    Option(
        "--held-out",
        help="Evaluate on the training digits that training left out. "
        "The classifier has seen these.",
    ),
]
InspectionCsv = Annotated[
    Path | None,
    Option("--csv", help="File for a line of each picture.", show_default=False),
]
InspectionMaps = Annotated[
    Path | None,
    Option(
        "--maps",
        help="Folder for the anomaly maps and a sheet of the worst pictures.",
        show_default=False,
    ),
]
Losses = Annotated[
    Path | None,
    Option(
        "--checkpoint",
        help="Training run whose losses --plots draws.",
        show_default=False,
    ),
]
Model = Annotated[Path, Option("--model", help="Folder of the exported model.")]
Minutes = Annotated[
    float,
    Option(
        "--minutes",
        min=0.01,
        help="Time to train, which decides the epochs; reading, export and evaluation "
        "take longer.",
    ),
]
NewModel = Annotated[
    Path,
    Option("--model", help="Folder to write the model to; its name is the model's."),
]
OtherModels = Annotated[
    list[Path] | None,
    Option(
        "--beside",
        help="Another evaluated model for the curve of --plots; may be repeated.",
        show_default=False,
    ),
]
PictureFolder = Annotated[
    Path, Argument(metavar="FOLDER", help="Folder of pictures.", show_default=False)
]
Pictures = Annotated[Path, Option("--output", help="Folder for the pictures.")]
Plots = Annotated[
    Path | None,
    Option("--plots", help="Draw plots into this folder.", show_default=False),
]
RecipeFile = Annotated[
    Path | None,
    Option(
        "--recipe",
        is_eager=True,
        callback=load_recipe,
        help="TOML file with values for the recipe; other options override it.",
    ),
]
Resume = Annotated[
    bool, Option("--resume", help="Continue from the checkpoint, if there is one.")
]
Seed = Annotated[
    int,
    Option("--seed", min=0, max=MAX_SEED, help="Chooses the digits and the samples."),
]
SkipBroken = Annotated[
    bool,
    Option("--skip-broken", help="Leave out pictures that cannot be read."),
]
TensorBoard = Annotated[
    Path | None,
    Option(
        "--tensorboard",
        help="Folder for the losses, in TensorBoard's format.",
        show_default=False,
    ),
]
TestSize = Annotated[
    int | None,
    Option("--test-size", min=1, metavar="N", help="Use only the first N test digits."),
]
TrainSize = Annotated[
    int | None,
    Option(
        "--train-size", min=1, metavar="N", help="Use only the first N training digits."
    ),
]


def expand(**classes: type) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that replaces parameters by an option for each of their fields.

    classes: the data class of each parameter to replace, by its name.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        fields = {name: inspect.signature(classes[name]).parameters for name in classes}

        @functools.wraps(command)
        def call(**arguments: Any) -> None:  # noqa: ANN401 - of any type
            for name, its_fields in fields.items():
                values = {field: arguments.pop(field) for field in its_fields}
                arguments[name] = classes[name](**values)
            command(**arguments)

        parameters = dict(inspect.signature(command).parameters)
        for name, its_fields in fields.items():
            del parameters[name]
            parameters.update(its_fields)
        signature = keyword_only(parameters.values())
        call.__signature__ = signature  # type: ignore[attr-defined]  # read by typer
        return call

    return decorate


def keyword_only(parameters: Iterable[inspect.Parameter]) -> inspect.Signature:
    """Return a signature of keyword-only parameters, in this order."""
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Signature([each.replace(kind=kind) for each in parameters])
