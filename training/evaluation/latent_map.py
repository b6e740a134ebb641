"""Map of the latent space: posterior means in two dimensions, by t-SNE.

van der Maaten & Hinton 2008, Visualizing Data using t-SNE.
"""

import numpy as np
from matplotlib.figure import Figure
from sklearn.manifold import TSNE

from training.artifact.exported_model import ExportedModel
from training.artifact.inference import posterior_means
from training.data.images import LabelledImages
from training.evaluation.figures import new_figure

PERPLEXITY = 30
MARKER_SIZE = 4  # points squared


def latent_map(
    model: ExportedModel,
    digits: LabelledImages,
    seed: int,
) -> Figure:
    """Plot the posterior means, coloured by digit."""
    means = posterior_means(model, digits)
    perplexity = min(PERPLEXITY, len(means) / 4)
    layout = TSNE(perplexity=perplexity, random_state=seed)
    points = layout.fit_transform(means.numpy())
    labels = digits.labels.numpy()
    figure = new_figure(6, 6)
    axes = figure.subplots()
    for label in np.unique(labels):
        x, y = points[labels == label].T
        axes.scatter(
            x,
            y,
            s=MARKER_SIZE,
            color=f"C{label}",
            label=f"{label}",
        )
    axes.legend(
        loc="center left",
        bbox_to_anchor=(1, 0.5),
        markerscale=3,
        frameon=False,
    )
    axes.axis("off")
    return figure
