"""Export of a checkpoint that has neither diverged nor, unnoticed, collapsed."""

from pathlib import Path

import typer

from training.artifact.export import COMPARED_IMAGES, export
from training.data.data_set import DataSet
from training.data.images import LabelledImages
from training.fitting.checkpoint import trained_model
from training.fitting.errors import TrainingError
from training.fitting.health import has_diverged, mean_kl_divergence
from training.fitting.run import warn_if_collapsed


def export_checked(checkpoint: Path, model: Path, data: DataSet) -> None:
    """Export a checkpoint; print the graphs' difference from PyTorch.

    Warn of posterior collapse. Raises TrainingError if training diverged, and the
    errors of `export`.
    """
    kl_divergence = check_trained(checkpoint, data.test)
    difference = export(checkpoint, model, data)
    parts = (data.calibration, data.test)
    count = sum(min(len(part), COMPARED_IMAGES) for part in parts)
    typer.echo(
        f"{model}: largest difference from PyTorch {difference:.1e} "
        f"over {count} test images"
    )
    warn_if_collapsed(kl_divergence)


def check_trained(checkpoint: Path, test: LabelledImages) -> float:
    """Check that a run has not diverged.

    Return the mean KL divergence of its averaged weights, in nats an image. Many images
    are represented by random ones. Raises TrainingError if it has.
    """
    trained, _ = trained_model(checkpoint)
    pixels = test.random_part(COMPARED_IMAGES).pixels()
    kl_divergence = mean_kl_divergence(trained, pixels)
    if has_diverged(kl_divergence, pixels):
        raise TrainingError(
            f"{checkpoint}: training diverged; start again with a lower learning rate"
        )
    return kl_divergence
