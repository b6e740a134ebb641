"""Command line of the training package.

python -m training {create, train, export, classifier, evaluate, inspect, summary, demo}
"""

# ruff: noqa: E402 - the other imports need the packages that are checked here
from training.requirements import check_requirements, program_name

check_requirements()

from pathlib import Path

import typer
from rich.console import Console
from rich.markdown import Markdown

from training import options
from training.artifact.exported_model import ExportedModel
from training.artifact.model_card import ModelError, read_measured_card
from training.artifact.summary import summary as describe
from training.console import open_standard_streams, print_error, warn
from training.creation.baseline import fit_baseline
from training.creation.checked_export import export_checked
from training.creation.create import Plan
from training.creation.create import create as create_model
from training.creation.pictures import (
    is_picture_folder,
    load_data_set,
    load_test_images,
    load_training_images,
    read_pictures,
)
from training.data.errors import DataError
from training.data.folder_options import FolderOptions
from training.data.images import LabelledImages
from training.data.mnist import DataSource, fashion_mnist
from training.evaluation import evaluate as evaluation
from training.evaluation import plots
from training.evaluation.classifier import (
    Classifier,
    ClassifierError,
    accuracy,
    read_classifier,
    save_classifier,
)
from training.evaluation.classifier_training import train_classifier
from training.evaluation.document import document
from training.evaluation.model_readme import measures
from training.files import create_writable_folder
from training.fitting.checkpoint import read_checkpoint
from training.fitting.errors import TrainingError
from training.fitting.performance import keep_freed_memory
from training.fitting.recipe import Recipe, RecipeError
from training.fitting.run import choose_device, run, warn_if_collapsed
from training.fitting.run import resume as resume_run
from training.fitting.tensorboard import epoch_log
from training.fitting.trainers import make_trainer
from training.inspection.folder import FolderInspection, write_csv
from training.inspection.folder import describe as describe_findings
from training.inspection.map_pictures import write_maps
from training.inspection.threshold import RateError

# Errors that the user can correct.
USER_ERRORS = (
    ClassifierError,
    DataError,
    ModelError,
    RateError,
    RecipeError,
    TrainingError,
    OSError,
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Train, export and evaluate the variational autoencoder.",
)


@app.callback()
def choose_source(context: typer.Context) -> None:
    """Use the caller's data source, or MNIST."""
    if context.obj is None:
        context.obj = DataSource()


@app.command()
@options.expand(pictures=FolderOptions, recipe=options.RecipeFields)
def create(  # noqa: PLR0913 - one parameter an option
    context: typer.Context,
    folder: options.PictureFolder,
    *,
    model: options.NewModel,
    minutes: options.Minutes = 5.0,
    recipe_file: options.RecipeFile = None,  # noqa: ARG001 - its callback reads it
    device: options.Device = "auto",
    pictures: FolderOptions,
    recipe: options.RecipeFields,
) -> None:
    """Make a model of a folder of pictures: train, export, evaluate, describe.

    After Ctrl-C the same command goes on.
    """
    given = {name: value for name, value in recipe.items() if is_given(context, name)}
    run_folder = options.RUNS / model.resolve().name
    plan = Plan(
        folder=folder,
        model=model,
        run=run_folder,
        pictures=pictures,
        recipe=given,
        minutes=minutes,
        device=choose_device(device),
    )
    create_model(plan)


@app.command()
@options.expand(pictures=FolderOptions, recipe=Recipe)
def train(  # noqa: PLR0913 - one parameter an option
    context: typer.Context,
    *,
    pictures: FolderOptions,
    recipe: Recipe,
    recipe_file: options.RecipeFile = None,  # noqa: ARG001 - its callback reads it
    checkpoint: options.Checkpoint = options.CHECKPOINT,
    data: options.Data = None,
    train_size: options.TrainSize = None,
    device: options.Device = "auto",
    tensorboard: options.TensorBoard = None,
    resume: options.Resume = False,
) -> None:
    """Train the network and write a checkpoint after each epoch."""
    if checkpoint.exists() and not resume:
        raise TrainingError(
            f"{checkpoint} exists: continue it with --resume, "
            "or remove it to start again"
        )
    images = load_training_images(context.obj, data, pictures)
    images = images.first(train_size)
    create_writable_folder(checkpoint.parent)
    trainer = make_trainer(images, recipe, choose_device(device))
    if checkpoint.exists():
        resume_run(trainer, checkpoint)
    with epoch_log(tensorboard) as log:
        run(trainer, checkpoint, log)
    warn_if_collapsed(trainer.history[-1].kl_divergence)


@app.command()
@options.expand(pictures=FolderOptions)
def export(  # noqa: PLR0913 - one parameter an option
    context: typer.Context,
    *,
    pictures: FolderOptions,
    checkpoint: options.Checkpoint = options.CHECKPOINT,
    model: options.Model = options.MODEL,
    data: options.Data = None,
    test_size: options.ExportTestSize = None,
) -> None:
    """Export to ONNX with statistics and model card, after a check against PyTorch."""
    images = load_data_set(context.obj, data, pictures, test_size)
    export_checked(checkpoint, model, images)


@app.command()
def classifier(
    context: typer.Context,
    *,
    output: options.ClassifierOutput = options.CLASSIFIER,
    data: options.Data = None,
) -> None:
    """Train the classifier that evaluates samples; evaluate trains a missing one."""
    judge = make_classifier(output, context.obj, data)
    test = context.obj.load("t10k", data)
    share = accuracy(judge, test)
    typer.echo(f"{output}: accuracy {share:.2%} on the test digits")


@app.command()
@options.expand(pictures=FolderOptions)
def evaluate(  # noqa: PLR0913 - one parameter an option
    context: typer.Context,
    *,
    pictures: FolderOptions,
    model: options.Model = options.MODEL,
    data: options.Data = None,
    test_size: options.TestSize = None,
    classifier: options.Classifier = options.CLASSIFIER,
    held_out: options.HeldOut = False,
    fashion: options.Fashion = None,
    plots_folder: options.Plots = None,
    checkpoint: options.Losses = None,
    beside: options.OtherModels = None,
) -> None:
    """Evaluate an exported model; write the measures to its card and README."""
    exported = ExportedModel(model)
    if is_picture_folder(data):
        create_writable_folder(model)
        images = read_pictures(data, pictures)
        card = document(exported, images, fit_baseline(exported, images))
        Console().print(Markdown(measures(card)))
        return
    garments = fashion_mnist(fashion)
    fitted, test = evaluation_digits(context.obj, data, exported, held_out=held_out)
    test = test.first(test_size)
    history = read_checkpoint(checkpoint)["history"] if checkpoint else []
    others = [read_measured_card(folder) for folder in beside or []]
    evaluation.check(exported, fitted, test)
    create_writable_folder(model)
    if plots_folder:
        create_writable_folder(plots_folder)
    if garments is None:
        warn(
            "evaluating without Fashion-MNIST: install Debian's package "
            "dataset-fashion-mnist, or name a folder with --fashion"
        )
    judge = find_classifier(classifier, context.obj, data)
    split: evaluation.Split = "held-out" if held_out else "test"
    card = evaluation.evaluate(exported, fitted, test, judge, split, garments)
    Console().print(Markdown(measures(card)))
    if plots_folder:
        cards = [card, *others]
        for path in plots.evaluation(exported, test, history, cards, plots_folder):
            typer.echo(path)


@app.command()
def inspect(  # noqa: PLR0913 - one parameter an option
    folder: options.PictureFolder,
    *,
    model: options.Model = options.MODEL,
    csv: options.InspectionCsv = None,
    maps: options.InspectionMaps = None,
    false_alarm_rate: options.FalseAlarmRate = None,
    skip_broken: options.SkipBroken = False,
) -> None:
    """Inspect a folder of pictures; list those that are anomalous, the worst first."""
    inspection = FolderInspection(ExportedModel(model), folder, false_alarm_rate)
    if maps:
        create_writable_folder(maps)
    findings = inspection.findings(skip_broken=skip_broken)
    if csv:
        write_csv(findings, csv)
    if maps:
        write_maps(inspection, findings, maps)
    for line in describe_findings(findings, inspection.threshold):
        typer.echo(line)


@app.command()
def summary(*, model: options.Model = options.MODEL) -> None:
    """Print the architecture layer by layer, read from the exported graphs."""
    layers = ExportedModel(model).layers()
    typer.echo(describe(layers))


@app.command()
@options.expand(pictures=FolderOptions)
def demo(  # noqa: PLR0913 - one parameter an option
    context: typer.Context,
    *,
    pictures: FolderOptions,
    model: options.Model = options.MODEL,
    data: options.Data = None,
    output: options.Pictures = options.DEMO,
    seed: options.Seed = options.DEMO_SEED,
) -> None:
    """Draw a reconstruction, an interpolation in 11 steps and samples of the prior."""
    exported = ExportedModel(model)
    test = load_test_images(context.obj, data, pictures)
    for path in plots.demo(exported, test, seed, output):
        typer.echo(path)


def is_given(context: typer.Context, name: str) -> bool:
    """Return whether the user or a recipe file sets a parameter."""
    source = context.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"


def evaluation_digits(
    source: DataSource,
    data: Path | None,
    exported: ExportedModel,
    *,
    held_out: bool,
) -> tuple[LabelledImages, LabelledImages]:
    """Return the digits that a model was fitted to, and those to evaluate it on."""
    train = source.load("train", data)
    fitted_count = exported.card["data"]["images"]["train"]
    fitted = train.first(fitted_count)
    if held_out:
        return fitted, train.after(fitted_count)
    return fitted, source.load("t10k", data)


def find_classifier(path: Path, source: DataSource, data: Path | None) -> Classifier:
    """Read the classifier from a file; train it if the file is missing."""
    if path.exists():
        return read_classifier(path)
    return make_classifier(path, source, data)


def make_classifier(path: Path, source: DataSource, data: Path | None) -> Classifier:
    """Train the classifier on all training digits and save it."""
    create_writable_folder(path.parent)
    judge = train_classifier(source.load("train", data))
    save_classifier(judge, path)
    return judge


def main(
    source: DataSource | None = None,
    arguments: list[str] | None = None,
) -> None:
    """Run the command line.

    An error that the user can correct is printed as one line, with exit code 1.
    """
    open_standard_streams()
    keep_freed_memory()
    try:
        app(args=arguments, obj=source, prog_name=program_name())
    except USER_ERRORS as error:
        print_error(error)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
