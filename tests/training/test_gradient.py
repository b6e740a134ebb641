"""The gradient by hand is the right one, without autograd."""

import pytest
import torch
from torch import Tensor

from training.gradient import set_gradients
from training.objective import Objective, ObjectiveName, log_importance_weight
from training.vae import VAE

OBJECTIVES: list[tuple[ObjectiveName, int]] = [("squared-error", 1), ("bernoulli", 1), ("importance-weighted", 4)]
Draws = tuple[Tensor, Tensor, Tensor, Tensor]


def forward(model: VAE, pixels: Tensor, noise: Tensor) -> Draws:
    """Mean, log-variance, latents and logits, as an objective takes them."""
    mean, log_variance = model.encoder(pixels)
    latent = (mean + torch.exp(0.5 * log_variance) * noise).flatten(end_dim=1)
    return mean, log_variance, latent, model.decoder.logits(latent).flatten(start_dim=1)


@pytest.mark.parametrize(("name", "samples"), OBJECTIVES)
def test_it_is_that_of_log_weights_along_the_latents(name: ObjectiveName, samples: int) -> None:
    """Autograd's of each draw's log p(x|z) p(z) / q(z|x), q's parameters held: times its share, or its square."""
    torch.manual_seed(0)
    model, objective = VAE((1, 4, 5), hidden_size=7, latent_size=3).double(), Objective(name, 3.0, samples)
    pixels, noise = torch.rand(6, 20).double(), torch.randn(samples, 6, 3).double()

    draws = mean, log_variance, latent, logits = forward(model, pixels, noise)
    expected = objective.loss(pixels, *draws)
    repeated = pixels.expand(samples, *pixels.shape).flatten(end_dim=1)
    log_likelihood = -objective.reconstruction_loss(repeated, logits).reshape(samples, -1)
    log_weights = log_importance_weight(
        log_likelihood, latent.reshape(noise.shape), mean.detach(), log_variance.detach()
    )
    shares = expected.shares.detach()
    gradients = [
        *torch.autograd.grad(-(shares**2 * log_weights).sum() / 6, list(model.encoder.parameters()), retain_graph=True),
        *torch.autograd.grad(-(shares * log_weights).sum() / 6, list(model.decoder.parameters())),
    ]
    loss = set_gradients(model, objective, pixels, noise)

    assert torch.allclose(loss.total, expected.total)
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


@pytest.mark.parametrize(("name", "samples"), OBJECTIVES)
def test_it_is_the_losss_in_the_mean(name: ObjectiveName, samples: int) -> None:
    """Over a hundred thousand draws it comes to autograd's gradient of the loss, in each parameter."""
    torch.manual_seed(0)
    model, objective = VAE((1, 2, 2), hidden_size=3, latent_size=2), Objective(name, 1.0, samples)
    pixels, noise = torch.rand(4).expand(100_000, 4), torch.randn(samples, 100_000, 2)

    objective.loss(pixels, *forward(model, pixels, noise)).total.mean().backward()
    gradients = [parameter.grad for parameter in model.parameters()]
    model.zero_grad()
    set_gradients(model, objective, pixels, noise)

    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=0.02, atol=2e-3)
