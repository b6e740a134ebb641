"""A run on the command line: device, progress bar, a checkpoint after each epoch."""

import time
from pathlib import Path
from typing import Literal

import torch
import typer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column

from training.console import warn
from training.fitting.checkpoint import EpochResult
from training.fitting.errors import TrainingError
from training.fitting.health import has_collapsed
from training.fitting.tensorboard import EpochLog
from training.fitting.trainer import Trainer

DeviceName = Literal["auto", "cpu", "cuda"]

BAR_WIDTH = 15
LOG_SECONDS = 5


def choose_device(name: DeviceName) -> torch.device:
    """Return the named device; ``auto`` is CUDA where available.

    Raises TrainingError if CUDA is requested and not available.
    """
    if name == "cpu":
        return torch.device("cpu")
    if torch.cuda.is_available():
        return torch.device("cuda")
    if name == "cuda":
        raise TrainingError("--device cuda: PyTorch finds no CUDA device")
    return torch.device("cpu")


def resume(trainer: Trainer, checkpoint: Path) -> None:
    """Restore a checkpoint. Warn if another number of epochs changes the schedule."""
    earlier = trainer.resume(checkpoint)
    done = trainer.epochs_done
    epochs = trainer.recipe.epochs
    if trainer.recipe.schedule == "constant" or epochs in {earlier.epochs, done}:
        return
    rate = trainer.learning_rate(done)
    warn(
        f"the {trainer.recipe.schedule} schedule now ends at epoch {epochs}, "
        f"not {earlier.epochs}: training continues with the learning rate {rate:.2g}, "
        f"and the result is not that of a single run of {epochs} epochs"
    )


def run(trainer: Trainer, checkpoint: Path, log: EpochLog) -> None:
    """Train to the last epoch. Write the checkpoint and show the losses after each.

    Without a terminal there is a line every ``LOG_SECONDS``, and one for the last epoch.
    """
    epochs = trainer.recipe.epochs
    saved = trainer.epochs_done
    logged = time.monotonic() - LOG_SECONDS
    typer.echo("losses are in nats an image; lower is better")
    try:
        with progress_bar() as progress:
            console = progress.console
            bar = progress.add_task(
                "training", total=epochs, completed=saved, result=""
            )
            for result in trainer.epochs():
                trainer.save(checkpoint)
                saved = result.epoch
                log(result)
                line = describe_epoch(result)
                progress.update(bar, completed=saved, result=line)
                waited = time.monotonic() - logged
                is_due = waited >= LOG_SECONDS or saved == epochs
                if is_due and not console.is_terminal:
                    console.print(f"epoch {saved}/{epochs}: {line}")
                    logged = time.monotonic()
    finally:
        if saved:
            typer.echo(f"{saved} of {epochs} epochs done: {checkpoint}")


def warn_if_collapsed(kl_divergence: float) -> None:
    """Warn of posterior collapse, given the mean KL divergence in nats an image."""
    if has_collapsed(kl_divergence):
        warn(
            f"posterior collapse: the KL divergence is {kl_divergence:.3f} nats an image, "
            "so the latents hold almost no information on the image, and all "
            "reconstructions are alike. Try more epochs, a lower learning rate or, with "
            "the objective squared-error, a larger --c"
        )


def progress_bar() -> Progress:
    """Build a progress bar of epochs done, time left and the last epoch's losses.

    On a narrow terminal the losses are cut, not the time.
    """
    rest_of_line = Column(ratio=1, no_wrap=True, overflow="ellipsis")
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(BAR_WIDTH),
        MofNCompleteColumn(table_column=Column(no_wrap=True)),
        TimeRemainingColumn(table_column=Column(no_wrap=True)),
        TextColumn("{task.fields[result]}", table_column=rest_of_line),
        expand=True,
    )


def describe_epoch(result: EpochResult) -> str:
    """Return an epoch's losses as one line, in nats an image."""
    return (
        f"loss {result.loss:.2f}, "
        f"reconstruction {result.reconstruction_loss:.2f} "
        f"+ KL {result.kl_divergence:.2f}"
    )
