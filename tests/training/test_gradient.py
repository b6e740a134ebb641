"""The gradient by hand is autograd's."""

import pytest
import torch

from training.gradient import set_gradients
from training.objective import Objective, ObjectiveName
from training.vae import VAE


@pytest.mark.parametrize(("name", "samples"), [("squared-error", 1), ("bernoulli", 1), ("importance-weighted", 4)])
def test_it_is_autograds(name: ObjectiveName, samples: int) -> None:
    """Of every parameter, for each objective, in float64; and the loss is the objective's."""
    torch.manual_seed(0)
    model, objective = VAE((1, 4, 5), hidden_size=7, latent_size=3).double(), Objective(name, 3.0, samples)
    pixels, noise = torch.rand(6, 20).double(), torch.randn(samples, 6, 3).double()

    mean, log_variance = model.encoder(pixels)
    latent = (mean + torch.exp(0.5 * log_variance) * noise).flatten(end_dim=1)
    logits = model.decoder.logits(latent).flatten(start_dim=1)
    expected = objective.loss(pixels, mean, log_variance, latent, logits)
    expected.total.mean().backward()
    gradients = [parameter.grad for parameter in model.parameters()]
    model.zero_grad()
    loss = set_gradients(model, objective, pixels, noise)

    assert torch.allclose(loss.total, expected.total)
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)
