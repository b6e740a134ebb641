"""The losses agree with the papers and with PyTorch's distributions."""

import math

import pytest
import torch
from torch.distributions import Bernoulli, Independent, Normal
from torch.distributions import kl_divergence as torch_kl

from training.network.objective import (
    Objective,
    ObjectiveName,
    binary_cross_entropy,
    kl_divergence,
    log_mean_exp,
    log_normal,
    squared_error,
)


def test_kl_is_that_of_two_gaussians() -> None:
    """It agrees with PyTorch's distributions and is 0 at the prior."""
    mean, log_variance = torch.randn(5, 4), torch.randn(5, 4)
    posterior = Independent(Normal(mean, (0.5 * log_variance).exp()), 1)
    prior = Independent(Normal(torch.zeros(5, 4), torch.ones(5, 4)), 1)

    assert torch.allclose(
        kl_divergence(mean, log_variance), torch_kl(posterior, prior), atol=1e-5
    )
    assert kl_divergence(torch.zeros(1, 4), torch.zeros(1, 4)).item() == 0


def test_squared_error_is_summed_over_an_image() -> None:
    """It is one number an image, without a mean over pixels."""
    pixels = torch.zeros(2, 1, 2, 2)

    assert squared_error(
        pixels, torch.tensor([0.5, 1.0]).reshape(2, 1, 1, 1).expand(2, 1, 2, 2)
    ).tolist() == [1.0, 4.0]


def test_binary_cross_entropy_is_a_bernoulli_likelihood() -> None:
    """It agrees with PyTorch's distribution for black and white pixels."""
    logits = torch.randn(3, 1, 4, 4)
    pixels = (torch.rand(3, 1, 4, 4) > 0.5).float()
    expected = -Independent(Bernoulli(logits=logits), 3).log_prob(pixels)

    assert torch.allclose(binary_cross_entropy(pixels, logits), expected, atol=1e-5)


def test_c_weights_the_squared_error() -> None:
    """The loss is C |x - y|^2, with y the sigmoid of the logits."""
    pixels, logits = torch.rand(3, 1, 4, 4), torch.randn(3, 1, 4, 4)
    expected = 16 * squared_error(pixels, torch.sigmoid(logits))

    assert torch.allclose(
        Objective("squared-error", 16.0).reconstruction_loss(pixels, logits), expected
    )


def test_the_reference_is_c_16() -> None:
    """|x - y|^2 / 2 + KL / 32, times 32, is 16 |x - y|^2 + KL: the same minimum."""
    pixels, logits = torch.rand(3, 1, 4, 4), torch.randn(3, 1, 4, 4)
    kl = kl_divergence(torch.randn(3, 2), torch.randn(3, 2))
    reference = squared_error(pixels, torch.sigmoid(logits)) / 2 + kl / 32

    assert torch.allclose(
        Objective().reconstruction_loss(pixels, logits) + kl, 32 * reference
    )


def test_log_normal_is_a_gaussians_density() -> None:
    """It agrees with PyTorch's distribution for several draws at once."""
    mean, log_variance, latent = (
        torch.randn(5, 4),
        torch.randn(5, 4),
        torch.randn(3, 5, 4),
    )
    expected = Independent(Normal(mean, (0.5 * log_variance).exp()), 1).log_prob(latent)

    assert torch.allclose(log_normal(latent, mean, log_variance), expected, atol=1e-4)


def test_log_mean_exp_is_stable() -> None:
    """Weights beyond the range of a float have a finite log-mean."""
    assert log_mean_exp(
        torch.tensor([1000.0, 1000.0 + math.log(3)])
    ).item() == pytest.approx(1000 + math.log(2))


@pytest.mark.parametrize("name", ["squared-error", "bernoulli"])
def test_the_loss_is_the_negative_elbo(name: ObjectiveName) -> None:
    """It is reconstruction loss + KL divergence for each image."""
    reconstruction = torch.rand(1, 3)
    mean, log_variance, latent = torch.randn(3, 3, 2).unbind()
    loss = Objective(name).loss(reconstruction, mean, log_variance, latent[None])

    assert torch.equal(loss.reconstruction, reconstruction[0])
    assert torch.equal(loss.kl, kl_divergence(mean, log_variance))
    assert torch.equal(loss.total, loss.reconstruction + loss.kl)


def test_the_importance_weighted_loss_is_burdas() -> None:
    """It is -log of the mean of p(x|z) p(z) / q(z|x) over each image's draws."""
    samples, batch = 4, 3
    pixels = (torch.rand(batch, 1, 4, 4) > 0.5).float()
    mean, log_variance = torch.randn(batch, 2), torch.randn(batch, 2)
    draws, logits = torch.randn(samples, batch, 2), torch.randn(samples, batch, 1, 4, 4)
    objective = Objective("importance-weighted", importance_samples=samples)
    reconstruction = torch.stack(
        [objective.reconstruction_loss(pixels, each) for each in logits]
    )
    loss = objective.loss(reconstruction, mean, log_variance, draws)

    likelihood = Independent(Bernoulli(logits=logits), 3).log_prob(pixels)
    prior = Independent(Normal(torch.zeros(2), torch.ones(2)), 1).log_prob(draws)
    posterior = Independent(Normal(mean, (0.5 * log_variance).exp()), 1).log_prob(draws)
    expected = -(likelihood + prior - posterior).exp().mean(dim=0).log()
    assert torch.allclose(loss.total, expected, atol=1e-4)
    assert torch.allclose(loss.reconstruction, -likelihood.mean(dim=0), atol=1e-4)
    assert loss.kl.shape == (batch,)
