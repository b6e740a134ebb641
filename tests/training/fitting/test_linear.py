"""The linear network is probabilistic PCA."""

import numpy as np
import pytest
import torch

from training.data.images import LabelledImages
from training.fitting.errors import TrainingError
from training.fitting.linear import fit_linear, set_weights
from training.network.linear import LinearVAE

COUNT = 400
SHAPE = (3, 6, 5)


@pytest.fixture(scope="module")
def images() -> LabelledImages:
    """Images near a plane of four dimensions."""
    generator = torch.Generator().manual_seed(0)
    directions = torch.randn(4, 90, generator=generator)
    factors = torch.randn(COUNT, 4, generator=generator)
    noise = torch.randn(COUNT, 90, generator=generator)
    levels = 128 + 20 * factors @ directions + 3 * noise
    pixels = levels.clamp(0, 255).round().to(torch.uint8).reshape(COUNT, *SHAPE)
    return LabelledImages(pixels, torch.zeros(COUNT, dtype=torch.long))


def test_the_components_are_those_of_the_covariance(images: LabelledImages) -> None:
    """Reconstructions are the projections to its leading eigenvectors, shrunk.

    Tipping & Bishop 1999, section 3.2: by (variance - noise) / variance.
    """
    network = fit_linear(images, 4)
    pixels = images.pixels()
    rows = pixels.flatten(1).double().numpy()
    mean = rows.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(rows.T, bias=True))
    leading = vectors[:, -4:]
    noise = values[:-4].mean()
    shrinking = (values[-4:] - noise) / values[-4:]
    expected = mean + (rows - mean) @ leading * shrinking @ leading.T

    decoded = network.decoder(network.encoder(pixels)[0])

    difference = decoded.flatten(1).detach().numpy() - expected.clip(0, 1)
    assert np.abs(difference).max() < 1e-4


def test_posterior_and_noise_have_the_variances_of_the_model(
    images: LabelledImages,
) -> None:
    """The posterior's variance of a direction is the noise's share of its variance."""
    network = LinearVAE(SHAPE, 4)
    noise = set_weights(network, images, seed=0)
    rows = images.pixels().flatten(1).double().numpy()
    values = np.linalg.eigvalsh(np.cov(rows.T, bias=True))

    _, log_variance = network.encoder(images.pixels()[:2])

    assert noise == pytest.approx(values[:-4].mean(), rel=1e-3)
    expected = torch.from_numpy(np.log(noise / values[:-5:-1])).float()
    torch.testing.assert_close(log_variance[0], expected, atol=1e-3, rtol=1e-3)


def test_latents_of_training_images_have_the_priors_variance(
    images: LabelledImages,
) -> None:
    """Variance of the means plus the posterior's is 1 in each dimension."""
    network = fit_linear(images, 4)

    mean, log_variance = network.encoder(images.pixels())

    total = mean.var(dim=0, correction=0) + log_variance.exp().mean(dim=0)
    torch.testing.assert_close(total, torch.ones(4), atol=1e-3, rtol=0)


def test_the_result_is_the_same_each_time(images: LabelledImages) -> None:
    """The seed decides the random directions, whose effect is small."""
    first, second = fit_linear(images, 4), fit_linear(images, 4)

    assert torch.equal(first.encoder.mean.weight, second.encoder.mean.weight)


def test_too_few_images_are_rejected(images: LabelledImages) -> None:
    """There are no more components than images."""
    with pytest.raises(TrainingError, match="5 latent dimensions need more images"):
        fit_linear(images.first(5), 5)


def test_single_precision_is_enough_for_bright_images_that_hardly_vary() -> None:
    """Posterior means differ from those in double precision by at most 1e-5."""
    generator = torch.Generator().manual_seed(0)
    directions = torch.randn(4, 3 * 64 * 64, generator=generator)
    factors = torch.randn(COUNT, 4, generator=generator)
    dither = torch.rand(COUNT, 3 * 64 * 64, generator=generator) - 0.5
    levels = 230 + 0.1 * factors @ directions + dither
    pixels = levels.round().to(torch.uint8).reshape(COUNT, 3, 64, 64)
    images = LabelledImages(pixels, torch.zeros(COUNT, dtype=torch.long))
    network = fit_linear(images, 4)

    with torch.inference_mode():
        mean, _ = network.encoder(images.pixels())
        exact, _ = network.double().encoder(images.pixels().double())

    assert (mean - exact).abs().max() < 1e-5
