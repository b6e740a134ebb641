"""The pictures in the README of a model: small PNG files in the model's folder."""

from pathlib import Path

import numpy as np
import torch

from training.artifact.exported_model import ExportedModel, Floats
from training.artifact.latent_statistics import LatentStatistics, read_statistics
from training.data.images import LabelledImages
from training.evaluation.contact_sheet import save_sheet
from training.evaluation.figures import save
from training.evaluation.image_grids import (
    STEPS,
    class_samples,
    interpolation_rows,
    prior_samples,
    reconstruction_rows,
)
from training.evaluation.latent_map import latent_map

RECONSTRUCTIONS_FILE = "reconstructions.png"
SAMPLES_FILE = "samples.png"
PRIOR_FILE = "prior.png"
INTERPOLATIONS_FILE = "interpolations.png"
MAP_FILE = "latent-map.png"

SEED = 0
COLUMNS = 10
SAMPLE_ROWS = 10
SAMPLES = 40  # in total
INTERPOLATIONS = 2
MIN_MAPPED_IMAGES = 10  # fewer have no neighbourhoods to show
MAX_MAPPED_IMAGES = 1_000


def draw_pictures(
    model: ExportedModel,
    test: LabelledImages,
    folder: Path,
) -> list[Path]:
    """Draw reconstructions, samples, interpolations and the latent map.

    Return the files written, less than 300 kB in all. The map is left out if there are
    fewer than ten test images, or all are of one class.
    """
    random = np.random.default_rng(SEED)
    statistics = read_statistics(model)
    order = random.permutation(len(test))
    test = test.select(torch.from_numpy(order))
    columns = min(COLUMNS, len(test))
    reconstructions = reconstruction_rows(model, test, 1, columns)
    samples, sample_columns = sample_rows(model, statistics, random)
    prior = prior_samples(model, COLUMNS, random)
    rows = min(INTERPOLATIONS, len(test) // 2)
    interpolations = interpolation_rows(model, test, rows, random)
    files = [
        save_sheet(reconstructions, columns, folder / RECONSTRUCTIONS_FILE),
        save_sheet(samples, sample_columns, folder / SAMPLES_FILE),
        save_sheet(prior, COLUMNS, folder / PRIOR_FILE),
        save_sheet(interpolations, STEPS, folder / INTERPOLATIONS_FILE),
    ]
    has_classes = len(test.labels.unique()) > 1
    if has_classes and len(test) >= MIN_MAPPED_IMAGES:
        mapped = test.first(min(MAX_MAPPED_IMAGES, len(test)))
        figure = latent_map(model, mapped, SEED, model.class_names)
        files.append(save(figure, folder / MAP_FILE))
    return files


def sample_rows(
    model: ExportedModel,
    statistics: LatentStatistics,
    random: np.random.Generator,
) -> tuple[Floats, int]:
    """Return samples, a row for each of the first ten classes, and the row's length."""
    labels = np.unique(statistics.classes)[:SAMPLE_ROWS]
    columns = min(COLUMNS, SAMPLES // len(labels))
    return class_samples(model, statistics, labels, columns, random), columns
