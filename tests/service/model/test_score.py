"""Scores agree with the losses that training minimizes and the measures it reports."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest
import torch

from service.model.autoencoder import Backend, Pixels
from service.model.card import Objective
from service.model.onnx_autoencoder import OnnxAutoencoder
from service.model.score import Scores, reconstruction_loss, score, squared_error
from service.model.statistics import LatentStatistics
from tests.models import UnbatchedAutoencoder
from tests.samples import MODEL, FakeAutoencoder
from training.artifact.exported_model import ExportedModel
from training.data.images import LabelledImages
from training.network import objective as reference


@pytest.fixture(scope="module")
def shipped() -> OnnxAutoencoder:
    """The model of this repository."""
    return OnnxAutoencoder.load(MODEL)


def scores_of(backend: Backend, images: Pixels) -> Scores:
    """Score images without batching."""
    return asyncio.run(score(UnbatchedAutoencoder(backend), images))


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
    """For each of its objectives, also where decoded pixels are exactly 0 or 1."""
    pixels, decoded = random.random((2, 5, 1, 28, 28), dtype=np.float32)
    decoded[0], decoded[1] = 0, 1
    loss = reconstruction_loss(Objective(name=name, c=c), pixels, decoded)
    expected = reference.Objective(name, c or 0.0).loss_of_decoded(
        torch.from_numpy(pixels), torch.from_numpy(decoded)
    )

    assert loss == pytest.approx(expected.numpy(), rel=1e-6)


def test_a_gaussian_has_the_variance_of_the_card(random: np.random.Generator) -> None:
    """Its loss is that of training, with the constant."""
    pixels, decoded = random.random((2, 5, 3, 9, 7), dtype=np.float32)
    objective = Objective(name="gaussian", c=None, variance=0.02)
    loss = reconstruction_loss(objective, pixels, decoded)
    expected = reference.Objective("gaussian", variance=0.02).loss_of_decoded(
        torch.from_numpy(pixels), torch.from_numpy(decoded)
    )

    assert loss == pytest.approx(expected.numpy(), rel=1e-5)


def test_sums_are_over_channels_and_pixels() -> None:
    """One value an image, of any number of channels."""
    white = np.ones((2, 3, 4, 5), dtype=np.float32)
    grey = np.full_like(white, 0.5)
    bernoulli = reconstruction_loss(Objective(name="bernoulli", c=None), white, grey)

    assert squared_error(white, grey).tolist() == [15, 15]
    assert bernoulli == pytest.approx([60 * np.log(2)] * 2)


def test_the_parts_are_those_of_training(
    shipped: OnnxAutoencoder, test_digits: LabelledImages
) -> None:
    """Squared error and KL divergence as PyTorch computes them; the ELBO is their sum."""
    scores = scores_of(shipped, test_digits.images.numpy())
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


def test_the_probabilities_classify_the_digits(
    shipped: OnnxAutoencoder, test_digits: LabelledImages
) -> None:
    """At least 97 % correctly, and the mean confidence is within 2 % of the accuracy."""
    probabilities = scores_of(shipped, test_digits.images.numpy()).probabilities
    right = probabilities.argmax(axis=1) == test_digits.labels.numpy()

    assert probabilities.sum(axis=1) == pytest.approx(1)
    assert right.mean() >= 0.97
    assert probabilities.max(axis=1).mean() == pytest.approx(right.mean(), abs=0.02)


def test_a_batch_scores_as_one_by_one(
    shipped: OnnxAutoencoder, test_digits: LabelledImages
) -> None:
    """In every score."""
    images = test_digits.images[:40].numpy()
    batch = scores_of(shipped, images)
    alone = [scores_of(shipped, image[np.newaxis]) for image in images]

    for name in (
        "squared_error",
        "kl_divergence",
        "elbo",
        "probabilities",
    ):
        together = np.concatenate([getattr(one, name) for one in alone])
        assert getattr(batch, name) == pytest.approx(together, rel=1e-4, abs=1e-4)


def test_a_model_without_statistics_has_no_classes(
    autoencoder: FakeAutoencoder,
) -> None:
    """Its other scores are the same."""
    images = np.arange(12, dtype=np.uint8).reshape(2, 1, 2, 3)
    nothing = LatentStatistics.unknown(autoencoder.card.latent_size)
    whole = scores_of(autoencoder, images)
    unknown = scores_of(replace(autoencoder, statistics=nothing), images)

    assert (whole.probabilities.shape, unknown.probabilities.shape) == ((2, 3), (2, 0))
    assert np.array_equal(unknown.elbo, whole.elbo)
