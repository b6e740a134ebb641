"""The losses are the papers'."""

import torch
from torch.distributions import Bernoulli, Independent, Normal
from torch.distributions import kl_divergence as torch_kl

from training.objective import Objective, binary_cross_entropy, kl_divergence, squared_error


def test_kl_is_that_of_two_gaussians() -> None:
    """Against PyTorch's own distributions, and 0 at the prior."""
    mean, log_variance = torch.randn(5, 4), torch.randn(5, 4)
    posterior = Independent(Normal(mean, (0.5 * log_variance).exp()), 1)
    prior = Independent(Normal(torch.zeros(5, 4), torch.ones(5, 4)), 1)

    assert torch.allclose(kl_divergence(mean, log_variance), torch_kl(posterior, prior), atol=1e-5)
    assert kl_divergence(torch.zeros(1, 4), torch.zeros(1, 4)).item() == 0


def test_squared_error_is_summed_over_an_image() -> None:
    """One number an image, no mean over pixels."""
    pixels = torch.zeros(2, 1, 2, 2)

    assert squared_error(pixels, torch.tensor([0.5, 1.0]).reshape(2, 1, 1, 1).expand(2, 1, 2, 2)).tolist() == [1.0, 4.0]


def test_binary_cross_entropy_is_a_bernoulli_likelihood() -> None:
    """Against PyTorch's distribution, for black and white pixels."""
    logits = torch.randn(3, 1, 4, 4)
    pixels = (torch.rand(3, 1, 4, 4) > 0.5).float()
    expected = -Independent(Bernoulli(logits=logits), 3).log_prob(pixels)

    assert torch.allclose(binary_cross_entropy(pixels, logits), expected, atol=1e-5)


def test_c_weighs_the_squared_error() -> None:
    """The loss is C |x - y|^2, of the sigmoid of the logits."""
    pixels, logits = torch.rand(3, 1, 4, 4), torch.randn(3, 1, 4, 4)
    expected = 16 * squared_error(pixels, torch.sigmoid(logits))

    assert torch.allclose(Objective("squared-error", 16.0).reconstruction_loss(pixels, logits), expected)


def test_the_reference_is_c_16() -> None:
    """|x - y|^2 / 2 + KL / 32, times 32, is 16 |x - y|^2 + KL: the same minimum."""
    pixels, logits = torch.rand(3, 1, 4, 4), torch.randn(3, 1, 4, 4)
    kl = kl_divergence(torch.randn(3, 2), torch.randn(3, 2))
    reference = squared_error(pixels, torch.sigmoid(logits)) / 2 + kl / 32

    assert torch.allclose(Objective().reconstruction_loss(pixels, logits) + kl, 32 * reference)
