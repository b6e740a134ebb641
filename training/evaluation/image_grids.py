"""Grids of images: reconstructions, samples and interpolations."""

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.random import Generator

from training.artifact.exported_model import ExportedModel, Floats
from training.artifact.latent_mixture import Labels
from training.artifact.latent_statistics import LatentStatistics
from training.data.images import LabelledImages
from training.evaluation.figures import new_figure

ROWS = 8
COLUMNS = 16
STEPS = 11
INTERPOLATIONS = 6
MAX_CLASSES = 20  # shown, each in a row


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


def reconstruction_grid(
    model: ExportedModel,
    images: LabelledImages,
    pairs: int = ROWS // 2,
    columns: int = COLUMNS,
) -> Figure:
    """Draw rows of images, each above the row of their reconstructions.

    Raise DataError if there are too few images for so many pairs of rows.
    """
    return grid(reconstruction_rows(model, images, pairs, columns), columns)


def reconstruction_rows(
    model: ExportedModel,
    images: LabelledImages,
    pairs: int,
    columns: int,
) -> Floats:
    """Return rows of images, each followed by the row of their reconstructions.

    Raise DataError if there are too few images.
    """
    shown = images.first(pairs * columns)
    originals = shown.pixels().numpy()
    reconstructions = reconstruct(model, originals)
    rows = []
    for number in range(pairs):
        start = number * columns
        end = start + columns
        rows.append(originals[start:end])
        rows.append(reconstructions[start:end])
    return np.concatenate(rows)


def prior_grid(model: ExportedModel, random: Generator) -> Figure:
    """Draw samples from the prior."""
    return grid(prior_samples(model, ROWS * COLUMNS, random), COLUMNS)


def prior_samples(model: ExportedModel, count: int, random: Generator) -> Floats:
    """Decode latents drawn from the prior."""
    shape = count, model.latent_size
    latent = random.standard_normal(shape, dtype=np.float32)
    return model.decode(latent)


def class_grid(
    model: ExportedModel,
    statistics: LatentStatistics,
    random: Generator,
) -> Figure:
    """Draw a row of samples for each class."""
    labels = np.unique(statistics.classes)[:MAX_CLASSES]
    images = class_samples(model, statistics, labels, COLUMNS, random)
    return grid(images, COLUMNS)


def class_samples(
    model: ExportedModel,
    statistics: LatentStatistics,
    labels: Labels,
    columns: int,
    random: Generator,
) -> Floats:
    """Return a row of samples for each label."""
    latents = []
    for label in labels:
        mixture = statistics.of_class(label)
        samples = mixture.sample(columns, random)
        latents.append(samples)
    return model.decode(np.concatenate(latents))


def interpolation_grid(
    model: ExportedModel,
    images: LabelledImages,
    random: Generator,
) -> Figure:
    """Draw interpolations between pairs of images, one a row."""
    count = min(INTERPOLATIONS, len(images) // 2)
    return grid(interpolation_rows(model, images, count, random), STEPS)


def interpolation_rows(
    model: ExportedModel,
    images: LabelledImages,
    count: int,
    random: Generator,
) -> Floats:
    """Return rows of interpolations between random pairs of images."""
    size = count, 2
    indices = random.choice(
        len(images),
        size=size,
        replace=False,
    )
    rows = []
    for pair in indices:
        pixels = images.select(torch.from_numpy(pair)).pixels()
        rows.append(interpolate(model, pixels.numpy()))
    return np.concatenate(rows)


def reconstruct(model: ExportedModel, images: Floats) -> Floats:
    """Decode the posterior means of images (batch, channels, height, width)."""
    mean, _ = model.encode(images)
    return model.decode(mean)


def interpolate(model: ExportedModel, pair: Floats) -> Floats:
    """Return images (steps, channels, height, width) between two images.

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
    """Draw images (channels, height, width) in [0, 1] in rows, each below its title.

    One channel is grey; three are red, green and blue.
    """
    rows = len(images) // columns
    row_height = 1.3 if any(titles) else 1.0
    figure = new_figure(columns, rows * row_height)
    panels = figure.subplots(rows, columns, squeeze=False)
    cells = zip(panels.flat, images, titles, strict=True)
    for axes, image, title in cells:
        axes.imshow(
            displayed(image),
            cmap="gray",
            vmin=0,
            vmax=1,
        )
        axes.set_title(title, fontsize=9)
        axes.axis("off")
    return figure


def displayed(image: Floats) -> Floats:
    """Return a grey image (height, width), or a colour image (height, width, 3)."""
    picture: Floats = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
    return picture
