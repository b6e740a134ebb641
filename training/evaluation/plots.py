"""Plots of a model and of its training, written as PNG files."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from training.artifact.exported_model import ExportedModel
from training.artifact.latent_statistics import read_statistics
from training.artifact.model_card import Card
from training.data.images import LabelledImages
from training.evaluation.curves import loss_curves, rate_distortion_curve
from training.evaluation.figures import save
from training.evaluation.image_grids import (
    class_grid,
    interpolation_figure,
    interpolation_grid,
    prior_grid,
    reconstruction_figure,
    reconstruction_grid,
)
from training.evaluation.latent_map import latent_map
from training.fitting.checkpoint import EpochResult

EVALUATION_SEED = 4
MAPPED_DIGITS = 3000  # more take minutes to lay out, and cover each other


def demo(
    model: ExportedModel,
    digits: LabelledImages,
    seed: int,
    folder: Path,
) -> list[Path]:
    """Draw a reconstruction, an interpolation and samples; return the files written."""
    random = np.random.default_rng(seed)
    indices = random.choice(len(digits), size=2, replace=False)
    pair = digits.pixels()[indices].numpy()
    figures = {
        "reconstruction.png": reconstruction_figure(model, pair),
        "interpolation.png": interpolation_figure(model, pair),
        "prior.png": prior_grid(model, random),
    }
    return [save(figure, folder / name) for name, figure in figures.items()]


def evaluation(
    model: ExportedModel,
    digits: LabelledImages,
    history: Sequence[EpochResult],
    cards: Sequence[Card],
    folder: Path,
) -> Iterator[Path]:
    """Draw all plots of an evaluation; yield each file after it is written.

    history: results of the model's training run; if empty, no loss curve is drawn.
    cards: of the models on the rate-distortion curve.
    """
    for name, figure in evaluation_figures(model, digits, history, cards):
        yield save(figure, folder / name)


def evaluation_figures(
    model: ExportedModel,
    digits: LabelledImages,
    history: Sequence[EpochResult],
    cards: Sequence[Card],
) -> Iterator[tuple[str, Figure]]:
    """Yield the name and figure of each plot of an evaluation."""
    random = np.random.default_rng(EVALUATION_SEED)
    statistics = read_statistics(model)
    mapped = digits.first(min(MAPPED_DIGITS, len(digits)))
    if history:
        yield "loss.png", loss_curves(history)
    yield "rate-distortion.png", rate_distortion_curve(cards)
    yield "reconstructions.png", reconstruction_grid(model, digits)
    yield "prior.png", prior_grid(model, random)
    yield "samples.png", class_grid(model, statistics, random)
    yield "interpolations.png", interpolation_grid(model, digits, random)
    yield "latent-map.png", latent_map(model, mapped, EVALUATION_SEED)
