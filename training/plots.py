"""The demo's pictures, as PNG files."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from training.exported_model import ExportedModel, Floats
from training.files import write_file
from training.mnist import Digits

STEPS = 11
SHEET_ROWS, SHEET_COLUMNS = 8, 16


def demo(model: ExportedModel, digits: Digits, seed: int, folder: Path) -> list[Path]:
    """Draw a forward pass, a walk between two digits and a sheet of new ones; give the files written."""
    random = np.random.default_rng(seed)
    pair = digits.pixels()[random.choice(len(digits), size=2, replace=False)].numpy()
    mean, _ = model.encode(pair)
    weights = np.linspace(0, 1, STEPS, dtype=np.float32)[:, np.newaxis]
    walk = model.decode((1 - weights) * mean[0] + weights * mean[1])
    prior = random.standard_normal((SHEET_ROWS * SHEET_COLUMNS, mean.shape[1]), dtype=np.float32)
    figures = {
        "reconstruction.png": draw([pair[0], walk[0]], ["Original", "VAE"], columns=2),
        "interpolation.png": draw(walk, [f"{weight:.0%}" for weight in weights[:, 0]], columns=STEPS),
        "prior.png": draw(model.decode(prior), [""] * len(prior), columns=SHEET_COLUMNS),
    }
    return [save(figure, folder / name) for name, figure in figures.items()]


def draw(images: Sequence[Floats] | Floats, titles: Sequence[str], columns: int) -> Figure:
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
