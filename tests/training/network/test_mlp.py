"""The network has the reference's architecture."""

import torch

from training.network.mlp import VAE, sample_posterior


def test_the_default_network_has_the_references_sizes() -> None:
    """It is 784-256-32-256-784 with 427,344 parameters."""
    shapes = {
        name: tuple(parameter.shape) for name, parameter in VAE().named_parameters()
    }

    assert shapes == {
        "encoder.hidden.weight": (256, 784),
        "encoder.hidden.bias": (256,),
        "encoder.mean.weight": (32, 256),
        "encoder.mean.bias": (32,),
        "encoder.log_variance.weight": (32, 256),
        "encoder.log_variance.bias": (32,),
        "decoder.hidden.weight": (256, 32),
        "decoder.hidden.bias": (256,),
        "decoder.output.weight": (784, 256),
        "decoder.output.bias": (784,),
    }
    assert sum(parameter.numel() for parameter in VAE().parameters()) == 427_344


def test_pixels_are_the_sigmoid_of_logits() -> None:
    """The decoder's output is in [0, 1] and has the image's shape."""
    decoder, latent = VAE().decoder, torch.randn(3, 32)

    assert decoder(latent).shape == (3, 1, 28, 28)
    assert torch.equal(decoder(latent), torch.sigmoid(decoder.logits(latent)))


def test_posterior_samples_have_the_posteriors_moments() -> None:
    """Mean and variance agree over many draws; equal generators give equal draws."""
    mean, log_variance = (
        torch.tensor([[1.0, -2.0]]),
        torch.log(torch.tensor([[0.25, 4.0]])),
    )
    generator = torch.Generator().manual_seed(0)
    samples = sample_posterior(
        mean.expand(100_000, 2), log_variance.expand(100_000, 2), generator
    )

    assert torch.allclose(samples.mean(dim=0), mean[0], atol=0.03)
    assert torch.allclose(samples.var(dim=0), log_variance.exp()[0], rtol=0.03)
    again = sample_posterior(mean, log_variance, torch.Generator().manual_seed(0))
    assert torch.equal(
        again, sample_posterior(mean, log_variance, torch.Generator().manual_seed(0))
    )
