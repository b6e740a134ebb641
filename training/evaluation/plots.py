"""Pictures of a model, of its latent space and of how it was trained, as PNG files."""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from sklearn.manifold import TSNE

from training.artifact.exported_model import ExportedModel, Floats
from training.artifact.latent_statistics import LatentStatistics, read_statistics
from training.data.digits import Digits
from training.files import write_file
from training.fitting.checkpoint import EpochResult

STEPS = 11
SHEET_ROWS, SHEET_COLUMNS = 8, 16
STRIPS = 6
MAPPED_DIGITS = 3000  # more take minutes to lay out, and hide each other
EVALUATION_SEED = 4


def demo(model: ExportedModel, digits: Digits, seed: int, folder: Path) -> list[Path]:
    """Draw a forward pass, a walk between two digits and a sheet of new ones; give the files written."""
    random = np.random.default_rng(seed)
    pair = digits.pixels()[random.choice(len(digits), size=2, replace=False)].numpy()
    walk = interpolation(model, pair)
    figures = {
        "reconstruction.png": draw([pair[0], walk[0]], ["Original", "VAE"], columns=2),
        "interpolation.png": draw(
            walk,
            [f"{weight:.0%}" for weight in np.linspace(0, 1, STEPS)],
            columns=STEPS,
        ),
        "prior.png": prior_sheet(model, random),
    }
    return [save(figure, folder / name) for name, figure in figures.items()]


def evaluation(
    model: ExportedModel,
    digits: Digits,
    history: Sequence[EpochResult],
    cards: Sequence[dict[str, Any]],
    folder: Path,
) -> Iterator[Path]:
    """Draw all that shows how good a model is; give each file when it is written.

    history: of the run that made the model; without one there is no loss curve.
    cards: of the models on the rate-distortion curve.
    """
    random = np.random.default_rng(EVALUATION_SEED)
    if history:
        yield save(loss_curves(history), folder / "loss.png")
    yield save(rate_distortion_curve(cards), folder / "rate-distortion.png")
    yield save(reconstruction_sheet(model, digits), folder / "reconstructions.png")
    yield save(prior_sheet(model, random), folder / "prior.png")
    yield save(
        class_sheet(model, read_statistics(model), random), folder / "samples.png"
    )
    yield save(
        interpolation_strips(model, digits, random), folder / "interpolations.png"
    )
    yield save(
        latent_map(model, digits.first(min(MAPPED_DIGITS, len(digits)))),
        folder / "latent-map.png",
    )


def loss_curves(history: Sequence[EpochResult]) -> Figure:
    """What training minimised and its two parts, epoch by epoch."""
    figure = Figure(figsize=(9, 3), dpi=120, layout="constrained")
    epochs = [result.epoch for result in history]
    curves = {
        "loss": [result.loss for result in history],
        "reconstruction loss": [result.reconstruction_loss for result in history],
        "KL divergence": [result.kl_divergence for result in history],
    }
    for axis, (name, values) in zip(figure.subplots(1, 3), curves.items(), strict=True):
        axis.plot(epochs, values, linewidth=1)
        axis.set(
            title=name,
            xlabel="epoch",
            ylabel="nats a digit",
            ylim=readable_range(values),
        )
        axis.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
        axis.spines[["top", "right"]].set_visible(False)
    return figure


def readable_range(values: Sequence[float]) -> tuple[float, float]:
    """Limits within which all but the first, steep part of a curve can be seen."""
    settled = values[len(values) // 20 :]
    margin = 0.05 * (max(settled) - min(settled)) or 1.0
    return min(settled) - margin, max(settled) + margin


def rate_distortion_curve(cards: Sequence[dict[str, Any]]) -> Figure:
    """Each model's squared error over its KL divergence, with its C."""
    figure = Figure(figsize=(5, 3.5), dpi=120, layout="constrained")
    axis = figure.subplots()
    points = sorted(
        (card["quality"]["kl_divergence"], card["quality"]["squared_error_per_pixel"])
        for card in cards
    )
    axis.plot(*zip(*points, strict=True), marker="o", linewidth=1)
    for card in cards:
        c, quality = card["objective"]["c"], card["quality"]
        axis.annotate(
            card["objective"]["name"] if c is None else f"C = {c:g}",
            (quality["kl_divergence"], quality["squared_error_per_pixel"]),
            textcoords="offset points",
            xytext=(6, 6),
        )
    axis.margins(0.2)
    axis.set(xlabel="KL divergence, nats a digit", ylabel="squared error per pixel")
    axis.set_ylim(bottom=0)
    axis.spines[["top", "right"]].set_visible(False)
    return figure


def reconstruction_sheet(model: ExportedModel, digits: Digits) -> Figure:
    """Rows of digits, each above the row of their reconstructions."""
    originals = digits.first(SHEET_ROWS // 2 * SHEET_COLUMNS).pixels().numpy()
    reconstructions = model.decode(model.encode(originals)[0])
    rows = [
        part.reshape(-1, SHEET_COLUMNS, *part.shape[1:])
        for part in (originals, reconstructions)
    ]
    return sheet(
        np.stack(rows, axis=1).reshape(-1, *originals.shape[1:]), SHEET_COLUMNS
    )


def prior_sheet(model: ExportedModel, random: np.random.Generator) -> Figure:
    """Draws from the prior."""
    latent_size = model.card["latent_size"]
    latent = random.standard_normal(
        (SHEET_ROWS * SHEET_COLUMNS, latent_size), dtype=np.float32
    )
    return sheet(model.decode(latent), SHEET_COLUMNS)


def class_sheet(
    model: ExportedModel, statistics: LatentStatistics, random: np.random.Generator
) -> Figure:
    """A row of draws for each class."""
    classes = np.unique(statistics.classes)
    latents = [
        statistics.of_class(label).sample(SHEET_COLUMNS, random) for label in classes
    ]
    return sheet(model.decode(np.concatenate(latents)), SHEET_COLUMNS)


def interpolation_strips(
    model: ExportedModel, digits: Digits, random: np.random.Generator
) -> Figure:
    """Walks between pairs of digits, a row each."""
    ends = digits.pixels()[
        random.choice(len(digits), size=(STRIPS, 2), replace=False)
    ].numpy()
    return sheet(np.concatenate([interpolation(model, pair) for pair in ends]), STEPS)


def interpolation(model: ExportedModel, pair: Floats) -> Floats:
    """Images on the straight line between the posterior means of two, (steps, 1, height, width)."""
    mean, _ = model.encode(pair)
    weights = np.linspace(0, 1, STEPS, dtype=np.float32)[:, np.newaxis]
    return model.decode((1 - weights) * mean[0] + weights * mean[1])


def latent_map(model: ExportedModel, digits: Digits) -> Figure:
    """The posterior means laid out on a plane so that neighbours stay neighbours (t-SNE), coloured by digit.

    van der Maaten & Hinton 2008, Visualizing Data using t-SNE.
    """
    mean, _ = model.encode(digits.pixels().numpy())
    places = TSNE(
        perplexity=min(30, len(mean) / 4), random_state=EVALUATION_SEED
    ).fit_transform(mean)
    figure = Figure(figsize=(6, 6), dpi=120, layout="constrained")
    axis = figure.subplots()
    for label in digits.labels.unique().tolist():
        mine = places[digits.labels.numpy() == label]
        axis.scatter(mine[:, 0], mine[:, 1], s=4, color=f"C{label}", label=str(label))
    axis.legend(
        loc="center left", bbox_to_anchor=(1, 0.5), markerscale=3, frameon=False
    )
    axis.axis("off")
    return figure


def sheet(images: Floats, columns: int) -> Figure:
    """Images in rows, without titles."""
    return draw(images, [""] * len(images), columns)


def draw(
    images: Sequence[Floats] | Floats, titles: Sequence[str], columns: int
) -> Figure:
    """Images (1, height, width) in [0, 1] side by side, each under its title."""
    rows = len(images) // columns
    row_height = 1.3 if any(titles) else 1.0
    figure = Figure(figsize=(columns, rows * row_height), dpi=120, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis, image, title in zip(axes.flat, images, titles, strict=True):
        axis.imshow(image[0], cmap="gray", vmin=0, vmax=1)
        axis.set_title(title, fontsize=9)
        axis.axis("off")
    return figure


def save(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG, whole or not at all."""
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    write_file(path, content.getvalue())
    return path
