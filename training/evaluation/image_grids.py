"""Grids of images: reconstructions, samples and interpolations."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.random import Generator

from training.artifact.exported_model import ExportedModel, Floats
from training.artifact.latent_statistics import LatentStatistics
from training.data.images import LabelledImages
from training.evaluation.figures import new_figure

ROWS = 8
COLUMNS = 16
STEPS = 11
INTERPOLATIONS = 6


def reconstruction_figure(model: ExportedModel, images: Floats) -> Figure:
    """Draw the first image next to its reconstruction."""
    reconstructions = reconstruct(model, images)
    return draw(
        [images[0], reconstructions[0]],
        titles=["Original", "VAE"],
        columns=2,
    )


def interpolation_figure(model: ExportedModel, pair: Floats) -> Figure:
    """Draw an interpolation between two images, titled with the weights."""
    weights = np.linspace(0, 1, STEPS)
    titles = [f"{weight:.0%}" for weight in weights]
    images = interpolate(model, pair)
    return draw(images, titles, STEPS)


def reconstruction_grid(model: ExportedModel, digits: LabelledImages) -> Figure:
    """Draw rows of digits, each above the row of their reconstructions."""
    shown = digits.first(ROWS // 2 * COLUMNS)
    originals = shown.pixels().numpy()
    reconstructions = reconstruct(model, originals)
    rows = []
    for number in range(ROWS // 2):
        start = number * COLUMNS
        end = start + COLUMNS
        rows.append(originals[start:end])
        rows.append(reconstructions[start:end])
    images = np.concatenate(rows)
    return grid(images, COLUMNS)


def prior_grid(model: ExportedModel, random: Generator) -> Figure:
    """Draw samples from the prior."""
    shape = ROWS * COLUMNS, model.card["latent_size"]
    latent = random.standard_normal(shape, dtype=np.float32)
    images = model.decode(latent)
    return grid(images, COLUMNS)


def class_grid(
    model: ExportedModel,
    statistics: LatentStatistics,
    random: Generator,
) -> Figure:
    """Draw a row of samples for each class."""
    latents = []
    for label in np.unique(statistics.classes):
        mixture = statistics.of_class(label)
        samples = mixture.sample(COLUMNS, random)
        latents.append(samples)
    images = model.decode(np.concatenate(latents))
    return grid(images, COLUMNS)


def interpolation_grid(
    model: ExportedModel,
    digits: LabelledImages,
    random: Generator,
) -> Figure:
    """Draw interpolations between pairs of digits, one a row."""
    size = INTERPOLATIONS, 2
    indices = random.choice(
        len(digits),
        size=size,
        replace=False,
    )
    pairs = digits.pixels()[indices]
    rows = [interpolate(model, pair) for pair in pairs.numpy()]
    images = np.concatenate(rows)
    return grid(images, STEPS)


def reconstruct(model: ExportedModel, images: Floats) -> Floats:
    """Decode the posterior means of images (batch, 1, height, width)."""
    mean, _ = model.encode(images)
    return model.decode(mean)


def interpolate(model: ExportedModel, pair: Floats) -> Floats:
    """Return images (steps, 1, height, width) between two images.

    Their latents lie on the straight line between the posterior means of the two.
    """
    mean, _ = model.encode(pair)
    start, end = mean
    weights = np.linspace(
        0,
        1,
        STEPS,
        dtype=np.float32,
    )
    weights = np.expand_dims(weights, axis=1)
    latents = (1 - weights) * start + weights * end
    return model.decode(latents)


def grid(images: Floats, columns: int) -> Figure:
    """Draw images in rows, without titles."""
    titles = [""] * len(images)
    return draw(images, titles, columns)


def draw(
    images: Sequence[Floats] | Floats,
    titles: Sequence[str],
    columns: int,
) -> Figure:
    """Draw images (1, height, width) in [0, 1] in rows, each below its title."""
    rows = len(images) // columns
    row_height = 1.3 if any(titles) else 1.0
    figure = new_figure(columns, rows * row_height)
    panels = figure.subplots(rows, columns, squeeze=False)
    cells = zip(panels.flat, images, titles, strict=True)
    for axes, image, title in cells:
        axes.imshow(
            image[0],
            cmap="gray",
            vmin=0,
            vmax=1,
        )
        axes.set_title(title, fontsize=9)
        axes.axis("off")
    return figure
