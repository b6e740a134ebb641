"""Map of the latent space: posterior means in two dimensions, by t-SNE.

van der Maaten & Hinton 2008, Visualizing Data using t-SNE.
"""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from sklearn.manifold import TSNE

from training.artifact.exported_model import ExportedModel, Floats
from training.artifact.inference import posterior_means
from training.data.images import LabelledImages
from training.evaluation.figures import new_figure

PERPLEXITY = 30
MARKER_SIZE = 4  # points squared
CYCLE = 10  # colours of matplotlib's default cycle
MAX_LEGEND = 30  # classes


def latent_map(
    model: ExportedModel,
    images: LabelledImages,
    seed: int,
    class_names: Sequence[str] = (),
) -> Figure:
    """Plot the posterior means, coloured by class.

    class_names: names of the labels in the legend; if empty, the labels themselves.
    """
    points = layout(posterior_means(model, images).numpy(), seed)
    labels = images.labels.numpy()
    present = np.unique(labels)
    figure = new_figure(6, 6)
    axes = figure.subplots()
    colors = class_colors(len(present))
    for label, color in zip(present, colors, strict=True):
        x, y = points[labels == label].T
        axes.scatter(
            x,
            y,
            s=MARKER_SIZE,
            color=color,
            label=class_names[label] if class_names else f"{label}",
        )
    if 1 < len(present) <= MAX_LEGEND:
        axes.legend(
            loc="center left",
            bbox_to_anchor=(1, 0.5),
            markerscale=3,
            frameon=False,
        )
    axes.axis("off")
    return figure


def layout(means: Floats, seed: int) -> Floats:
    """Return points (count, 2), near each other if their means (count, latent) are."""
    perplexity = min(PERPLEXITY, len(means) / 4)
    embedding = TSNE(perplexity=perplexity, random_state=seed)
    points: Floats = embedding.fit_transform(means)
    return points


def class_colors(count: int) -> Sequence[object]:
    """Return a colour for each class: matplotlib's cycle, or a rainbow if it is long."""
    if count <= CYCLE:
        return [f"C{number}" for number in range(count)]
    positions = np.linspace(0, 1, count)
    return list(mpl.colormaps["turbo"](positions))
