"""The likelihood's estimator finds likelihoods that are known."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Independent, MultivariateNormal

from training.artifact.exported_model import Floats
from training.evaluation.likelihood import (
    bernoulli_log_likelihood,
    negative_log_likelihoods,
)

PIXELS, LATENT_SIZE, NOISE = 6, 3, 0.5


class LinearGaussian:
    """x = W z + b + noise, z ~ N(0, I): its posterior and its likelihood are known (Bishop 2006, section 12.2).

    The posterior that it gives is ``width`` times as wide as the true one, without the correlations.
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
        """Give the true posterior's mean, and the logarithms of the given one's variances."""
        mean = (
            (torch.from_numpy(pixels).flatten(1) - self.bias)
            @ self.weight
            @ self.covariance
            / NOISE**2
        )
        log_variance = (self.width**2 * self.covariance.diag()).log()
        return mean.numpy(), log_variance.expand(mean.shape).numpy()

    def decode(self, latent: Floats) -> Floats:
        """Give the mean image."""
        image: Floats = (torch.from_numpy(latent) @ self.weight.T + self.bias).numpy()
        return image

    def draw(self, count: int) -> Tensor:
        """Images of the model."""
        random = torch.Generator().manual_seed(2)
        latent = torch.randn(count, LATENT_SIZE, generator=random)
        noise = NOISE * torch.randn(count, PIXELS, generator=random)
        return latent @ self.weight.T + self.bias + noise

    def exact(self, pixels: Tensor) -> Tensor:
        """The true -log p(x): x is a Gaussian with covariance W W^T + noise."""
        covariance = self.weight @ self.weight.T + NOISE**2 * torch.eye(PIXELS)
        log_density: Tensor = MultivariateNormal(self.bias, covariance).log_prob(pixels)
        return -log_density

    @staticmethod
    def log_likelihood(pixels: Tensor, decoded: Tensor) -> Tensor:
        """The log p(x|z) of Gaussian pixels."""
        squares = ((pixels - decoded) / NOISE).double().square().sum(dim=1)
        return -0.5 * squares - PIXELS * math.log(NOISE * math.sqrt(2 * math.pi))


def estimate(model: LinearGaussian, pixels: Tensor, samples: int) -> list[float]:
    """The estimator's answers."""
    generator = torch.Generator().manual_seed(0)
    return list(
        negative_log_likelihoods(
            model, pixels, samples, model.log_likelihood, generator
        )
    )


@pytest.mark.parametrize("width", [1.0, 1.5])
def test_a_linear_gaussian_models_likelihood_is_found(width: float) -> None:
    """With 5,000 samples to 0.1 nats for each image, and to 0.01 on the mean of 50."""
    model = LinearGaussian(width)
    pixels = model.draw(50)
    errors = np.array(estimate(model, pixels, 5000)) - model.exact(pixels).numpy()

    assert np.abs(errors).max() < 0.1
    assert abs(errors.mean()) < 0.01


def test_few_samples_give_an_upper_bound() -> None:
    """On average it falls with their number, from the negative ELBO to the exact value."""
    model = LinearGaussian(1.5)
    pixels = model.draw(1000)
    means = [float(np.mean(estimate(model, pixels, samples))) for samples in (1, 5, 50)]

    assert means[0] > means[1] > means[2] > model.exact(pixels).mean().item()


def test_black_and_white_pixels_have_a_bernoulli_likelihood() -> None:
    """Against PyTorch's distribution; a pixel that is surely wrong costs a finite amount."""
    decoded = torch.rand(5, 1, 4, 4)
    pixels = (torch.rand(1, 4, 4) > 0.5).float()

    expected = Independent(Bernoulli(decoded), 3).log_prob(pixels.expand(5, -1, -1, -1))
    assert bernoulli_log_likelihood(pixels, decoded).tolist() == pytest.approx(
        expected.tolist(), abs=1e-4
    )
    assert bernoulli_log_likelihood(
        torch.ones(1, 1, 1), torch.zeros(1, 1, 1, 1)
    ).item() == pytest.approx(math.log(1e-7), rel=1e-6)
