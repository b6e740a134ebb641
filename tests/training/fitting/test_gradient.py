"""The gradient by hand agrees with autograd."""

import pytest
import torch
from torch import Tensor

from training.fitting.gradient import draw_by_share, set_gradients
from training.network.mlp import VAE
from training.network.objective import Objective, ObjectiveName, log_importance_weight

OBJECTIVES: list[tuple[ObjectiveName, int]] = [
    ("squared-error", 1),
    ("bernoulli", 1),
    ("importance-weighted", 4),
]
Draws = tuple[Tensor, Tensor, Tensor, Tensor]


def forward(model: VAE, objective: Objective, pixels: Tensor, noise: Tensor) -> Draws:
    """Return an objective's arguments: -log p(x|z), mean, log-variance, latents."""
    mean, log_variance = model.encoder(pixels)
    latents = mean + torch.exp(0.5 * log_variance) * noise
    logits = [model.decoder.logits(latent).flatten(start_dim=1) for latent in latents]
    return (
        torch.stack([objective.reconstruction_loss(pixels, each) for each in logits]),
        mean,
        log_variance,
        latents,
    )


@pytest.mark.parametrize(("name", "samples"), OBJECTIVES)
def test_it_is_autograds_along_the_latents(name: ObjectiveName, samples: int) -> None:
    """It equals autograd's of log p(x|z) p(z) / q(z|x) with q's parameters constant.

    Of the drawn samples only; the encoder's is weighted by their shares.
    """
    torch.manual_seed(0)
    model, objective = (
        VAE((1, 4, 5), hidden_size=7, latent_size=3).double(),
        Objective(name, 3.0, samples),
    )
    pixels, noise = torch.rand(6, 20).double(), torch.randn(samples, 6, 3).double()

    draws = reconstruction, mean, log_variance, latents = forward(
        model, objective, pixels, noise
    )
    expected = objective.loss(*draws)
    log_weights = log_importance_weight(
        -reconstruction, latents, mean.detach(), log_variance.detach()
    )
    shares = expected.shares.detach()
    drawn = draw_by_share(shares, torch.Generator().manual_seed(0))
    losses = -log_weights[drawn] / 6
    gradients = [
        *torch.autograd.grad(
            (shares[drawn] * losses).sum(),
            list(model.encoder.parameters()),
            retain_graph=True,
        ),
        *torch.autograd.grad(losses.sum(), list(model.decoder.parameters())),
    ]
    loss = set_gradients(
        model, objective, pixels, noise, torch.Generator().manual_seed(0)
    )

    assert torch.allclose(loss.total, expected.total)
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


@pytest.mark.parametrize(("name", "samples"), OBJECTIVES)
def test_its_expectation_is_the_losss_gradient(
    name: ObjectiveName, samples: int
) -> None:
    """The mean over 100,000 draws is autograd's gradient of the loss."""
    torch.manual_seed(0)
    model, objective = (
        VAE((1, 2, 2), hidden_size=3, latent_size=2),
        Objective(name, 1.0, samples),
    )
    pixels, noise = torch.rand(4).expand(100_000, 4), torch.randn(samples, 100_000, 2)

    objective.loss(*forward(model, objective, pixels, noise)).total.mean().backward()
    gradients = [parameter.grad for parameter in model.parameters()]
    model.zero_grad()
    set_gradients(model, objective, pixels, noise, torch.Generator().manual_seed(0))

    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=0.02, atol=2e-3)
