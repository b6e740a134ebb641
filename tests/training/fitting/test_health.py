"""Divergence and posterior collapse are recognised by the KL divergence."""

import math

import pytest
import torch

from training.fitting.health import has_collapsed, has_diverged, mean_kl_divergence
from training.network.mlp import VAE

PIXELS = torch.rand(5, 1, 2, 2, generator=torch.Generator().manual_seed(0))


def constant_model(mean: float) -> VAE:
    """Return a model whose posterior is N(mean, I) in 3 dimensions for any image."""
    model = VAE((1, 2, 2), hidden_size=4, latent_size=3)
    for layer in (model.encoder.mean, model.encoder.log_variance):
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    torch.nn.init.constant_(model.encoder.mean.bias, mean)
    return model


@pytest.mark.parametrize(
    ("mean", "divergence", "verdict"),
    [
        (0.0, 0.0, "collapsed"),
        (1.0, 1.5, "sound"),
        (100.0, 15_000.0, "diverged"),
        (math.inf, math.nan, "diverged"),
    ],
)
def test_a_posterior_is_judged_by_its_kl_divergence(
    mean: float, divergence: float, verdict: str
) -> None:
    """The prior is a collapse; over 100 times the pixels' content is a divergence."""
    measured = mean_kl_divergence(constant_model(mean), PIXELS)

    assert measured == pytest.approx(divergence, nan_ok=True)
    assert has_collapsed(measured) == (verdict == "collapsed")
    assert has_diverged(measured, PIXELS) == (verdict == "diverged")
