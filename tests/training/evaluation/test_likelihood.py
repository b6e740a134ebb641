"""The estimator finds known likelihoods."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Independent, MultivariateNormal

from training.artifact.exported_model import ExportedModel, Floats
from training.data.images import LabelledImages
from training.evaluation.autoencoder_quality import autoencoder_quality
from training.evaluation.likelihood import (
    bernoulli_log_likelihood,
    negative_log_likelihood,
    negative_log_likelihoods,
)

PIXELS, LATENT_SIZE, NOISE = 6, 3, 0.5


class LinearGaussian:
    """A model of known posterior and likelihood: x = W z + b + noise, z ~ N(0, I).

    Bishop 2006, section 12.2. Its ``encode`` returns a posterior ``width`` times as
    wide as the true one, without correlations.
    """

    def __init__(self, width: float) -> None:
        random = torch.Generator().manual_seed(1)
        self.weight = torch.randn(PIXELS, LATENT_SIZE, generator=random)
        self.bias = torch.randn(PIXELS, generator=random)
        self.covariance = torch.linalg.inv(
            torch.eye(LATENT_SIZE) + self.weight.T @ self.weight / NOISE**2
        )
        self.width = width

    def encode(self, pixels: Floats) -> tuple[Floats, Floats]:
        """Return the true posterior's mean and a log-variance scaled by ``width``."""
        mean = (
            (torch.from_numpy(pixels).flatten(1) - self.bias)
            @ self.weight
            @ self.covariance
            / NOISE**2
        )
        log_variance = (self.width**2 * self.covariance.diag()).log()
        return mean.numpy(), log_variance.expand(mean.shape).numpy()

    def decode(self, latent: Floats) -> Floats:
        """Return the mean image."""
        image: Floats = (torch.from_numpy(latent) @ self.weight.T + self.bias).numpy()
        return image

    def draw(self, count: int) -> Tensor:
        """Draw images (count, pixels) from the model."""
        random = torch.Generator().manual_seed(2)
        latent = torch.randn(count, LATENT_SIZE, generator=random)
        noise = NOISE * torch.randn(count, PIXELS, generator=random)
        return latent @ self.weight.T + self.bias + noise

    def exact(self, pixels: Tensor) -> Tensor:
        """Return the true -log p(x): x is Gaussian with covariance W W^T + noise."""
        covariance = self.weight @ self.weight.T + NOISE**2 * torch.eye(PIXELS)
        log_density: Tensor = MultivariateNormal(self.bias, covariance).log_prob(pixels)
        return -log_density

    @staticmethod
    def log_likelihood(pixels: Tensor, decoded: Tensor) -> Tensor:
        """Return log p(x|z) of Gaussian pixels."""
        squares = ((pixels - decoded) / NOISE).double().square().sum(dim=1)
        return -0.5 * squares - PIXELS * math.log(NOISE * math.sqrt(2 * math.pi))


def estimate(model: LinearGaussian, pixels: Tensor, samples: int) -> list[float]:
    """Return the estimate of each image."""
    generator = torch.Generator().manual_seed(0)
    return list(
        negative_log_likelihoods(
            model, pixels, samples, model.log_likelihood, generator
        )
    )


@pytest.mark.parametrize("width", [1.0, 1.5])
def test_a_linear_gaussian_models_likelihood_is_found(width: float) -> None:
    """5,000 samples suffice for 0.1 nats an image and 0.01 on the mean of 50."""
    model = LinearGaussian(width)
    pixels = model.draw(50)
    errors = np.array(estimate(model, pixels, 5000)) - model.exact(pixels).numpy()

    assert np.abs(errors).max() < 0.1
    assert abs(errors.mean()) < 0.01


def test_few_samples_give_an_upper_bound() -> None:
    """The mean falls with their number, from the negative ELBO to the exact value."""
    model = LinearGaussian(1.5)
    pixels = model.draw(1000)
    means = [float(np.mean(estimate(model, pixels, samples))) for samples in (1, 5, 50)]

    assert means[0] > means[1] > means[2] > model.exact(pixels).mean().item()


def test_the_likelihood_is_at_least_the_elbo(
    binarized: tuple[ExportedModel, float], test_digits: LabelledImages
) -> None:
    """It rises with the number of samples, from the ELBO of one."""
    model, _ = binarized
    digits = test_digits.first(100)
    one, few, many = (
        negative_log_likelihood(model, digits, samples) or 0 for samples in (1, 10, 100)
    )

    elbo = autoencoder_quality(model, digits).negative_elbo
    assert one == pytest.approx(elbo, rel=0.02)
    assert one > few > many > 0


def test_black_and_white_pixels_have_a_bernoulli_likelihood() -> None:
    """It is PyTorch's; a wrong pixel of probability 0 has a finite one."""
    decoded = torch.rand(5, 1, 4, 4)
    pixels = (torch.rand(1, 4, 4) > 0.5).float()

    expected = Independent(Bernoulli(decoded), 3).log_prob(pixels.expand(5, -1, -1, -1))
    assert bernoulli_log_likelihood(pixels, decoded).tolist() == pytest.approx(
        expected.tolist(), abs=1e-4
    )
    assert bernoulli_log_likelihood(
        torch.ones(1, 1, 1), torch.zeros(1, 1, 1, 1)
    ).item() == pytest.approx(math.log(1e-7), rel=1e-6)
