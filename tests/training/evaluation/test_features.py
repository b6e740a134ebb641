"""Classes that lie apart are told apart."""

import numpy as np
import pytest

from training.evaluation.features import feature_quality


def test_separate_clusters_are_told_and_a_ring_only_by_its_neighbours(
    random: np.random.Generator,
) -> None:
    """A class around another is beyond a line, not beyond neighbours."""
    labels = np.repeat([0, 1], 500)
    apart = (random.standard_normal((1000, 2)) + 10 * labels[:, np.newaxis]).astype(
        np.float32
    )
    angle = random.uniform(0, 2 * np.pi, 1000)
    ring = ((1 + 9 * labels) * np.stack([np.cos(angle), np.sin(angle)])).T.astype(
        np.float32
    )

    clusters = feature_quality((apart[::2], labels[::2]), (apart[1::2], labels[1::2]))
    assert (clusters.nearest_neighbors_accuracy, clusters.linear_probe_accuracy) == (
        1,
        1,
    )
    rings = feature_quality((ring[::2], labels[::2]), (ring[1::2], labels[1::2]))
    assert rings.nearest_neighbors_accuracy == 1
    assert rings.linear_probe_accuracy == pytest.approx(0.5, abs=0.2)
