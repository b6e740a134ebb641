"""Plots of a model and of its training, written as PNG files."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

from training.artifact.exported_model import ExportedModel
from training.artifact.latent_statistics import read_statistics
from training.artifact.model_card import Card
from training.data.images import LabelledImages
from training.evaluation.curves import loss_curves, rate_distortion_curve
from training.evaluation.figures import save
from training.evaluation.image_grids import (
    COLUMNS,
    ROWS,
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
MAPPED_IMAGES = 3000  # more take minutes to lay out, and cover each other


def demo(
    model: ExportedModel,
    images: LabelledImages,
    seed: int,
    folder: Path,
) -> list[Path]:
    """Draw a reconstruction, an interpolation and samples; return the files written."""
    random = np.random.default_rng(seed)
    indices = random.choice(len(images), size=2, replace=False)
    pair = images.select(torch.from_numpy(indices)).pixels().numpy()
    figures = {
        "reconstruction.png": reconstruction_figure(model, pair),
        "interpolation.png": interpolation_figure(model, pair),
        "prior.png": prior_grid(model, random),
    }
    return [save(figure, folder / name) for name, figure in figures.items()]


def evaluation(  # noqa: PLR0913, PLR0917 - everything that is drawn
    model: ExportedModel,
    images: LabelledImages,
    history: Sequence[EpochResult],
    cards: Sequence[Card],
    folder: Path,
    class_names: Sequence[str] = (),
) -> Iterator[Path]:
    """Draw all plots of an evaluation; yield each file after it is written.

    history: results of the model's training run; if empty, no loss curve is drawn.
    cards: of the models on the rate-distortion curve.
    class_names: names that the labels index; if empty, the labels are shown.
    """
    figures = evaluation_figures(model, images, history, cards, class_names)
    for name, figure in figures:
        yield save(figure, folder / name)


def evaluation_figures(
    model: ExportedModel,
    images: LabelledImages,
    history: Sequence[EpochResult],
    cards: Sequence[Card],
    class_names: Sequence[str],
) -> Iterator[tuple[str, Figure]]:
    """Yield the name and figure of each plot of an evaluation."""
    random = np.random.default_rng(EVALUATION_SEED)
    statistics = read_statistics(model)
    mapped = images.first(min(MAPPED_IMAGES, len(images)))
    columns = min(COLUMNS, len(images))
    pairs = min(ROWS // 2, len(images) // columns)
    if history:
        yield "loss.png", loss_curves(history)
    yield "rate-distortion.png", rate_distortion_curve(cards)
    yield "reconstructions.png", reconstruction_grid(model, images, pairs, columns)
    yield "prior.png", prior_grid(model, random)
    yield "samples.png", class_grid(model, statistics, random)
    yield "interpolations.png", interpolation_grid(model, images, random)
    yield "latent-map.png", latent_map(model, mapped, EVALUATION_SEED, class_names)
