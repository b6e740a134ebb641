"""The command line: python -m training {train, export, classifier, evaluate, summary, demo}."""

from pathlib import Path
from typing import Annotated, Literal

import torch
import typer
from rich.console import Console
from rich.markdown import Markdown
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from training.artifact import export as exporting
from training.artifact.exported_model import ExportedModel
from training.artifact.model_card import ModelError, read_measured_card
from training.artifact.summary import summary as describe
from training.data.mnist import DataError, DataSource, fashion_mnist
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
from training.evaluation.model_readme import measures
from training.files import make_room
from training.fitting.recipe import (
    OptimizerName,
    Recipe,
    RecipeError,
    Schedule,
    read_recipe,
)
from training.fitting.tensorboard import EpochLog, epoch_log
from training.fitting.trainer import (
    EpochResult,
    Trainer,
    TrainingError,
    keep_freed_memory,
    read_checkpoint,
)
from training.network.objective import ObjectiveName

DEFAULTS = Recipe()
RUNS = Path("runs")
CHECKPOINT = RUNS / "mnist" / "checkpoint.pt"
CLASSIFIER = RUNS / "classifier.pt"
MODEL = Path("models/mnist")
MAX_SEED = 2**64 - 1  # that PyTorch takes
MAX_UNITS = 2**14  # in a layer: the weights between two such layers take 1 GB

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Train, measure and export the VAE.",
)

CheckpointOption = Annotated[
    Path, typer.Option("--checkpoint", help="Where the training run is kept.")
]
ClassifierOption = Annotated[
    Path, typer.Option("--classifier", help="Where the classifier is kept.")
]
ModelOption = Annotated[
    Path, typer.Option("--model", help="The folder of the exported model.")
]
DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="Folder of the IDX files; else $MNIST_DIR; else downloaded once.",
        show_default=False,
    ),
]


@app.callback()
def prepare(context: typer.Context) -> None:
    """Take the data source that the caller gave, or MNIST."""
    context.obj = context.obj or DataSource()


def take_recipe(context: typer.Context, path: Path | None) -> Path | None:
    """Make a recipe file's values the defaults of the other flags, and its name that of the run."""
    if path is not None:
        context.default_map = {
            **read_recipe(path),
            "checkpoint": RUNS / path.stem / "checkpoint.pt",
        }
    return path


@app.command()
def train(  # noqa: PLR0913, PLR0917 - one parameter a flag
    context: typer.Context,
    recipe_file: Annotated[  # noqa: ARG001 - its callback has read it
        Path | None,
        typer.Option(
            "--recipe",
            is_eager=True,
            callback=take_recipe,
            help="TOML file; other flags win over it.",
        ),
    ] = None,
    checkpoint: CheckpointOption = CHECKPOINT,
    data: DataOption = None,
    train_size: Annotated[
        int | None, typer.Option(min=1, help="Use the first so many training digits.")
    ] = None,
    objective: Annotated[
        ObjectiveName, typer.Option(help="Reconstruction loss beside the KL.")
    ] = DEFAULTS.objective,
    c: Annotated[
        float, typer.Option("--c", min=1e-6, help="C of C*|x-y|^2 + KL.")
    ] = DEFAULTS.c,
    importance_samples: Annotated[
        int, typer.Option(min=1, help="k of the objective importance-weighted.")
    ] = DEFAULTS.importance_samples,
    binarize: Annotated[
        bool, typer.Option(help="Draw each pixel black or white anew each time.")
    ] = DEFAULTS.binarize,
    epochs: Annotated[
        int, typer.Option(min=1, help="Passes over the digits.")
    ] = DEFAULTS.epochs,
    optimizer: Annotated[
        OptimizerName, typer.Option(help="What takes the steps.")
    ] = DEFAULTS.optimizer,
    batch_size: Annotated[
        int, typer.Option(min=1, help="Digits a step.")
    ] = DEFAULTS.batch_size,
    learning_rate: Annotated[
        float, typer.Option(min=1e-9, help="How far a step goes, in Adam's terms.")
    ] = DEFAULTS.learning_rate,
    schedule: Annotated[
        Schedule, typer.Option(help="What the step size does over the run.")
    ] = DEFAULTS.schedule,
    averaging: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=0.999999,
            help="Decay of the weights' moving average; 0 for none.",
        ),
    ] = DEFAULTS.averaging,
    mean_pixel_bias: Annotated[
        bool, typer.Option(help="Start the last biases at the mean image.")
    ] = DEFAULTS.mean_pixel_bias,
    center_pixels: Annotated[
        bool,
        typer.Option(
            help="Take the encoder's steps as if it saw pixels less the mean image."
        ),
    ] = DEFAULTS.center_pixels,
    hidden_size: Annotated[
        int, typer.Option(min=1, max=MAX_UNITS, help="Width of both hidden layers.")
    ] = DEFAULTS.hidden_size,
    latent_size: Annotated[
        int, typer.Option(min=1, max=MAX_UNITS, help="Length of a latent.")
    ] = DEFAULTS.latent_size,
    seed: Annotated[
        int, typer.Option(min=0, max=MAX_SEED, help="Decides weights, order and noise.")
    ] = DEFAULTS.seed,
    tensorboard: Annotated[
        Path | None,
        typer.Option(
            help="Folder for losses that TensorBoard shows.", show_default=False
        ),
    ] = None,
    device: Annotated[
        Literal["auto", "cpu", "cuda"], typer.Option(help="Where to compute.")
    ] = "auto",
    resume: Annotated[  # noqa: FBT002 - a flag
        bool,
        typer.Option("--resume", help="Go on from the checkpoint, if it is there."),
    ] = False,
) -> None:
    """Train the network, 784-256-32-256-784 if no flag says otherwise; each epoch ends with a checkpoint."""
    recipe = Recipe(
        objective,
        c,
        importance_samples,
        binarize,
        epochs,
        optimizer,
        batch_size,
        learning_rate,
        schedule,
        averaging,
        mean_pixel_bias,
        center_pixels,
        hidden_size,
        latent_size,
        seed,
    )
    if checkpoint.exists() and not resume:
        raise TrainingError(
            f"{checkpoint} exists: --resume goes on from it; remove it to start anew"
        )
    digits = context.obj.load("train", data).first(train_size)
    make_room(checkpoint.parent)
    trainer = Trainer(digits, recipe, choose_device(device))
    if resume and checkpoint.exists():
        trainer.resume(checkpoint)
    with epoch_log(tensorboard) as log:
        run(trainer, checkpoint, log)


@app.command()
def export(
    context: typer.Context,
    checkpoint: CheckpointOption = CHECKPOINT,
    model: ModelOption = MODEL,
    data: DataOption = None,
    test_size: Annotated[
        int | None,
        typer.Option(
            min=exporting.EXAMPLE_COUNT, help="Use the first so many test digits."
        ),
    ] = None,
) -> None:
    """Write encoder.onnx, decoder.onnx, statistics.npz and model.json, if they agree with PyTorch."""
    train, test = (
        context.obj.load("train", data),
        context.obj.load("t10k", data).first(test_size),
    )
    difference = exporting.export(checkpoint, model, context.obj, train, test)
    typer.echo(
        f"{model}: largest difference to PyTorch {difference:.1e} over {len(test)} test digits"
    )


@app.command()
def classifier(
    context: typer.Context,
    output: Annotated[Path, typer.Option(help="Where to keep it.")] = CLASSIFIER,
    data: DataOption = None,
) -> None:
    """Train the classifier that judges samples; evaluate does it too where there is none."""
    judge = make_classifier(output, context.obj, data)
    typer.echo(
        f"{output}: tells {accuracy(judge, context.obj.load('t10k', data)):.2%} of the test digits"
    )


@app.command()
def evaluate(  # noqa: PLR0913, PLR0917 - one parameter a flag
    context: typer.Context,
    model: ModelOption = MODEL,
    data: DataOption = None,
    test_size: Annotated[
        int | None, typer.Option(min=1, help="Use the first so many test digits.")
    ] = None,
    classifier_file: ClassifierOption = CLASSIFIER,
    held_out: Annotated[  # noqa: FBT002 - a flag
        bool,
        typer.Option(
            "--held-out",
            help="Measure on the training digits that training left out; the classifier knows these.",
        ),
    ] = False,
    fashion_folder: Annotated[
        Path | None,
        typer.Option(
            "--fashion",
            help="Folder of Fashion-MNIST; else Debian's, if it is there.",
            show_default=False,
        ),
    ] = None,
    plots_folder: Annotated[
        Path | None,
        typer.Option(
            "--plots", help="Draw pictures into this folder.", show_default=False
        ),
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="The run whose losses --plots draws.", show_default=False),
    ] = None,
    beside: Annotated[
        list[Path] | None,
        typer.Option(
            help="Another evaluated model, for the curve of --plots; repeat for more.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Measure the exported model on the test digits, and write it to its card and between the marks of its README."""
    exported = ExportedModel(model)
    fashion = fashion_mnist(fashion_folder)
    if fashion is None:
        typer.echo(
            "no Fashion-MNIST here (dataset-fashion-mnist, or --fashion): measuring without",
            err=True,
        )
    train, fitted = (
        context.obj.load("train", data),
        exported.card["data"]["training_images"],
    )
    test = (train.after(fitted) if held_out else context.obj.load("t10k", data)).first(
        test_size
    )
    history = read_checkpoint(checkpoint)["history"] if checkpoint else []
    others = [read_measured_card(folder) for folder in beside or []]
    evaluation.check(exported, train.first(fitted), test)
    for folder in filter(None, (model, plots_folder)):
        make_room(folder)
    judge = (
        read_classifier(classifier_file)
        if classifier_file.exists()
        else make_classifier(classifier_file, context.obj, data)
    )
    card = evaluation.evaluate(
        exported,
        train.first(fitted),
        test,
        judge,
        "held-out" if held_out else "test",
        fashion,
    )
    Console().print(Markdown(measures(card)))
    if plots_folder:
        for path in plots.evaluation(
            exported, test, history, [card, *others], plots_folder
        ):
            typer.echo(path)


@app.command()
def summary(model: ModelOption = MODEL) -> None:
    """Print the architecture, layer by layer, read from the exported graphs."""
    typer.echo(describe(ExportedModel(model).layers()))


@app.command()
def demo(
    context: typer.Context,
    model: ModelOption = MODEL,
    data: DataOption = None,
    output: Annotated[Path, typer.Option(help="Folder for the pictures.")] = Path(
        "demo"
    ),
    seed: Annotated[
        int,
        typer.Option(
            min=0, max=MAX_SEED, help="Decides the two digits and the new ones."
        ),
    ] = 4,
) -> None:
    """Draw a reconstruction, a walk between two digits in 11 steps and new digits from the prior."""
    for path in plots.demo(
        ExportedModel(model), context.obj.load("t10k", data), seed, output
    ):
        typer.echo(path)


def run(trainer: Trainer, checkpoint: Path, log: EpochLog) -> None:
    """Train to the end, with a checkpoint and a line of figures after each epoch."""
    epochs, kept = trainer.recipe.epochs, trainer.epochs_done
    try:
        with progress_bar() as progress:
            task = progress.add_task(
                "training", total=epochs, completed=kept, result=""
            )
            for result in trainer.epochs():
                trainer.save(checkpoint)
                kept = result.epoch
                log(result)
                progress.update(task, completed=kept, result=describe_epoch(result))
                if not progress.console.is_terminal:
                    progress.console.print(
                        f"epoch {kept}/{epochs}: {describe_epoch(result)}"
                    )
    finally:
        if kept:
            typer.echo(f"{kept} of {epochs} epochs done: {checkpoint}")


def make_classifier(path: Path, source: DataSource, data: Path | None) -> Classifier:
    """Train the classifier on all training digits and keep it."""
    make_room(path.parent)
    judge = train_classifier(source.load("train", data))
    save_classifier(judge, path)
    return judge


def choose_device(name: Literal["auto", "cpu", "cuda"]) -> torch.device:
    """The device of that name; ``auto`` is the accelerator where there is one. Raises TrainingError."""
    if name == "cuda" and not torch.cuda.is_available():
        raise TrainingError("--device cuda: PyTorch sees no CUDA device here")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def progress_bar() -> Progress:
    """Epochs done, time left and the last epoch's result."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[result]}"),
    )


def describe_epoch(result: EpochResult) -> str:
    """One line of figures, in nats a digit."""
    return f"loss {result.loss:.2f}, reconstruction {result.reconstruction_loss:.2f} + KL {result.kl_divergence:.2f}"


def main(source: DataSource | None = None, arguments: list[str] | None = None) -> None:
    """Run the command line; what the user can mend is said in one line and ends with exit code 1."""
    try:
        app(args=arguments, obj=source, prog_name="python -m training")
    except (
        ClassifierError,
        DataError,
        ModelError,
        RecipeError,
        TrainingError,
        OSError,
    ) as error:
        typer.echo(f"error: {error}", err=True)
        raise SystemExit(1) from None


if __name__ == "__main__":
    keep_freed_memory()
    main()
