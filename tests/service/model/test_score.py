"""An image's figures are those that training minimises and measures."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from service.model.card import Objective
from service.model.onnx_autoencoder import OnnxAutoencoder
from service.model.score import reconstruction_loss, score
from tests.samples import MODEL, FakeAutoencoder
from training.artifact.exported_model import ExportedModel
from training.artifact.latent_statistics import read_statistics
from training.data.mnist import Digits
from training.evaluation.out_of_distribution import image_scores
from training.network import objective as reference


@pytest.fixture(scope="module")
def shipped() -> OnnxAutoencoder:
    """The model of this repository."""
    return OnnxAutoencoder.load(MODEL)


@pytest.mark.parametrize(
    ("name", "c"),
    [
        ("squared-error", 16.0),
        ("squared-error", 2.5),
        ("bernoulli", None),
        ("importance-weighted", None),
    ],
)
def test_the_reconstruction_loss_is_that_of_training(
    random: np.random.Generator, name: reference.ObjectiveName, c: float | None
) -> None:
    """Of each of its objectives; for pixels that are sure to be black or white as well."""
    pixels, decoded = random.random((2, 5, 28, 28), dtype=np.float32)
    decoded[0], decoded[1] = 0, 1
    loss = reconstruction_loss(Objective(name=name, c=c), pixels, decoded)
    expected = reference.Objective(name, c or 0.0).loss_of_decoded(
        torch.from_numpy(pixels), torch.from_numpy(decoded)
    )

    assert loss == pytest.approx(expected.numpy(), rel=1e-6)


def test_the_parts_are_those_of_training(
    shipped: OnnxAutoencoder, test_digits: Digits
) -> None:
    """Squared error and KL divergence by their definitions in PyTorch; the ELBO is what they add up to."""
    scores = score(shipped, test_digits.images[:, 0].numpy())
    model = ExportedModel(MODEL)
    mean, log_variance = model.encode(test_digits.pixels().numpy())
    error = reference.squared_error(
        test_digits.pixels(), torch.from_numpy(model.decode(mean))
    )
    kl = reference.kl_divergence(torch.from_numpy(mean), torch.from_numpy(log_variance))

    assert scores.squared_error == pytest.approx(error.numpy(), rel=1e-4)
    assert scores.kl_divergence == pytest.approx(kl.numpy(), rel=1e-4)
    assert scores.elbo == pytest.approx(
        -16 * scores.squared_error - scores.kl_divergence
    )


def test_the_percentile_is_where_training_put_the_score(
    shipped: OnnxAutoencoder, test_digits: Digits
) -> None:
    """Between the quantiles of the score that was calibrated."""
    model = ExportedModel(MODEL)
    statistics = read_statistics(model)
    expected = image_scores(model, statistics, test_digits.pixels())
    percentiles = score(shipped, test_digits.images[:, 0].numpy()).anomaly_percentile

    assert statistics.anomaly_quantiles is not None
    assert percentiles is not None
    below = np.searchsorted(statistics.anomaly_quantiles, expected.numpy()) / 10
    assert percentiles == pytest.approx(below - 0.05, abs=0.0501 + 1e-3)
    assert 0 <= percentiles.min() < 5
    assert 95 < percentiles.max() <= 100


def test_the_probabilities_tell_the_digits(
    shipped: OnnxAutoencoder, test_digits: Digits
) -> None:
    """Nearly always, and about as sure as right."""
    probabilities = score(shipped, test_digits.images[:, 0].numpy()).probabilities
    right = probabilities.argmax(axis=1) == test_digits.labels.numpy()

    assert probabilities.sum(axis=1) == pytest.approx(1)
    assert right.mean() >= 0.97
    assert probabilities.max(axis=1).mean() == pytest.approx(right.mean(), abs=0.02)


def test_noise_is_no_digit(
    shipped: OnnxAutoencoder, random: np.random.Generator
) -> None:
    """Its percentile is the highest."""
    percentiles = score(
        shipped, random.integers(0, 256, (20, 28, 28), dtype=np.uint8)
    ).anomaly_percentile

    assert percentiles is not None
    assert percentiles.tolist() == [100.0] * 20


def test_a_batch_scores_as_one_by_one(
    shipped: OnnxAutoencoder, test_digits: Digits
) -> None:
    """In every figure."""
    images = test_digits.images[:40, 0].numpy()
    batch, alone = (
        score(shipped, images),
        [score(shipped, image[np.newaxis]) for image in images],
    )

    for name in (
        "squared_error",
        "kl_divergence",
        "elbo",
        "anomaly_percentile",
        "probabilities",
    ):
        together = np.concatenate([getattr(one, name) for one in alone])
        assert getattr(batch, name) == pytest.approx(together, rel=1e-4, abs=1e-4)


def test_a_model_without_statistics_has_no_percentile_and_no_classes(
    autoencoder: FakeAutoencoder,
) -> None:
    """The rest is the same; so it is where only the calibration lacks."""
    images = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    whole = score(autoencoder, images)
    size = autoencoder.card.latent_size
    unknown = score(
        replace(autoencoder, statistics=type(autoencoder.statistics).unknown(size)),
        images,
    )
    none = np.empty(0, np.float32)
    older = score(
        replace(
            autoencoder,
            statistics=replace(autoencoder.statistics, anomaly_quantiles=none),
        ),
        images,
    )

    assert whole.anomaly_percentile is not None
    assert unknown.anomaly_percentile is older.anomaly_percentile is None
    assert (whole.probabilities.shape, unknown.probabilities.shape) == ((2, 3), (2, 0))
    assert np.array_equal(older.probabilities, whole.probabilities)
    assert np.array_equal(unknown.elbo, whole.elbo)
