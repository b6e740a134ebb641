"""Separate classes are classified correctly."""

import numpy as np
import pytest

from training.artifact.exported_model import Floats
from training.artifact.latent_mixture import Labels
from training.evaluation.features import FeatureQuality, LabelledMeans, probe


def halves_quality(means: Floats, labels: Labels) -> FeatureQuality:
    """Fit to every second point, from the first on, and measure on the others."""
    return probe(
        LabelledMeans(means[::2], labels[::2]),
        LabelledMeans(means[1::2], labels[1::2]),
    )


def test_clusters_are_separated_by_both_and_rings_by_k_nn_only(
    random: np.random.Generator,
) -> None:
    """A class that surrounds another is not linearly separable."""
    labels = np.repeat([0, 1], 500)
    apart = (random.standard_normal((1000, 2)) + 10 * labels[:, np.newaxis]).astype(
        np.float32
    )
    angle = random.uniform(0, 2 * np.pi, 1000)
    ring = ((1 + 9 * labels) * np.stack([np.cos(angle), np.sin(angle)])).T.astype(
        np.float32
    )

    clusters = halves_quality(apart, labels)
    assert (clusters.knn_accuracy, clusters.linear_probe_accuracy) == (
        1,
        1,
    )
    rings = halves_quality(ring, labels)
    assert rings.knn_accuracy == 1
    assert rings.linear_probe_accuracy == pytest.approx(0.5, abs=0.2)
