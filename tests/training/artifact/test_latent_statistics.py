"""The mixtures have the moments of the data that they were fitted to."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from training.artifact.exported_model import ExportedModel
from training.artifact.latent_mixture import component_count
from training.artifact.latent_statistics import LatentStatistics, fit, read_statistics
from training.artifact.model_card import ModelError

TWO = LatentStatistics(
    weights=np.array([0.25, 0.75], dtype=np.float32),
    classes=np.array([3, 8]),
    means=np.array([[0, 0], [10, -10]], dtype=np.float32),
    cholesky=np.array([[[1, 0], [0, 1]], [[2, 0], [1, 1]]], dtype=np.float32),
)


def test_one_gaussian_has_the_aggregated_posteriors_covariance(
    random: np.random.Generator,
) -> None:
    """A class too small for a mixture has Cov(mean) + diag(mean of variance)."""
    mean = random.standard_normal((199, 2), dtype=np.float32) * np.array(
        [1, 3], dtype=np.float32
    )
    log_variance = np.log(random.uniform(0.5, 1.5, (199, 2))).astype(np.float32)
    statistics = fit(mean, log_variance, np.zeros(199, dtype=np.int64))

    assert statistics.weights.tolist() == [1]
    expected = np.cov(mean, rowvar=False) + np.diag(np.exp(log_variance).mean(axis=0))
    assert statistics.cholesky[0] @ statistics.cholesky[0].T == pytest.approx(
        expected, rel=0.2, abs=0.3
    )


def test_a_class_of_two_clusters_gets_gaussians_for_both(
    random: np.random.Generator,
) -> None:
    """Each cluster has a Gaussian; a class's weight is its frequency."""
    labels = np.repeat([1, 5], [300, 100])
    mean = random.standard_normal((400, 2), dtype=np.float32)
    mean[:150] += 20
    statistics = fit(mean, np.full((400, 2), -2, dtype=np.float32), labels)

    assert statistics.of_class(1).weights.sum() == pytest.approx(1)
    assert statistics.weights[statistics.classes == 1].sum() == pytest.approx(0.75)
    assert statistics.of_class(1).means.min() < 1
    assert statistics.of_class(1).means.max() > 19
    assert np.abs(statistics.of_class(5).means).max() < 1


def test_classes_of_few_images_have_usable_covariances(
    random: np.random.Generator,
) -> None:
    """Fewer images than dimensions, even one: the class shares the others' spread."""
    labels = np.array([0] * 12 + [1] * 5 + [2])
    mean = random.standard_normal((18, 16), dtype=np.float32)
    mean[labels == 1] += 10
    statistics = fit(mean, np.full((18, 16), -4, dtype=np.float32), labels)

    assert statistics.classes.tolist() == [0, 1, 2]
    for factor in statistics.cholesky:
        assert np.linalg.cond(factor @ factor.T) < 100
    assert statistics.means[2] == pytest.approx(mean[17], abs=1e-6)
    densities = statistics.class_log_densities(torch.from_numpy(mean))
    assert densities.argmax(dim=1)[:17].tolist() == labels[:17].tolist()


def test_a_wide_latent_space_needs_more_images_a_gaussian() -> None:
    """At least 100, and three times the dimensions; no class has more than 20."""
    for images, latent_size, components in [
        (99, 8, 1),
        (400, 32, 4),
        (400, 64, 2),
        (60_000, 32, 20),
    ]:
        mean = np.zeros((images, latent_size), dtype=np.float32)
        assert component_count(mean) == components


def test_samples_have_the_gaussians_moments(random: np.random.Generator) -> None:
    """A class's samples have its moments; at temperature 0 they are the means."""
    latents = TWO.of_class(8).sample(100_000, random)

    assert latents.dtype == np.float32
    assert latents.mean(axis=0) == pytest.approx([10, -10], abs=0.05)
    assert np.cov(latents, rowvar=False) == pytest.approx(
        np.array([[4, 2], [2, 2]]), abs=0.1
    )
    cold = TWO.sample(1000, random, temperature=0)
    assert {tuple(latent) for latent in cold.tolist()} == {(0, 0), (10, -10)}
    assert (cold[:, 0] == 10).mean() == pytest.approx(0.75, abs=0.05)


def test_the_exported_statistics_can_be_read(exported: Path) -> None:
    """They hold all ten classes, without pickles, in less than a megabyte."""
    statistics = read_statistics(ExportedModel(exported))

    assert np.unique(statistics.classes).tolist() == list(range(10))
    assert statistics.weights.sum() == pytest.approx(1)
    assert statistics.sample(3, np.random.default_rng(0)).shape == (3, 32)
    assert (exported / "statistics.npz").stat().st_size < 1e6


def test_statistics_with_another_hash_are_refused(model: ExportedModel) -> None:
    """The message names the file; with the right hash they are read."""
    (model.folder / "statistics.npz").write_bytes(TWO.to_bytes())
    with pytest.raises(
        ModelError, match=r"statistics\.npz is not the file that the card names"
    ):
        read_statistics(model)

    model.card["statistics"]["sha256"] = hashlib.sha256(TWO.to_bytes()).hexdigest()
    assert read_statistics(model).classes.tolist() == [3, 8]


def test_a_model_without_statistics_is_refused(model: ExportedModel) -> None:
    """The message advises a new export."""
    del model.card["statistics"]
    with pytest.raises(
        ModelError, match="has no latent statistics: export the model again"
    ):
        read_statistics(model)
