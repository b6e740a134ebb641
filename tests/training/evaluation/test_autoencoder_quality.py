"""Error, KL divergence, ELBO and active units follow their definitions."""

from pathlib import Path

import numpy as np
import pytest
import torch
from typing_extensions import override

from tests.samples import MODEL
from training.artifact.exported_model import ExportedModel, Floats
from training.data.images import LabelledImages
from training.evaluation.autoencoder_quality import autoencoder_quality
from training.fitting.checkpoint import trained_model
from training.network.objective import kl_divergence, squared_error

USED = (np.arange(32) < 16).astype(np.float32)


def test_measures_agree_with_pytorch(
    model: ExportedModel, checkpoint: Path, test_digits: LabelledImages
) -> None:
    """The graphs give the figures that the weights give."""
    quality = autoencoder_quality(model, test_digits)
    vae, _ = trained_model(checkpoint)
    pixels = test_digits.pixels()
    with torch.inference_mode():
        mean, log_variance = vae.encoder(pixels)
        error = squared_error(pixels, vae.decoder(mean)).mean() / 784

    assert quality.test_images == 1000
    assert quality.squared_error_per_pixel == pytest.approx(error.item(), rel=1e-4)
    assert quality.kl_divergence == pytest.approx(
        kl_divergence(mean, log_variance).mean().item(), rel=1e-4
    )
    assert quality.active_units == int((mean.var(dim=0) > 0.01).sum())
    assert 0 < quality.active_units < 32
    assert quality.negative_elbo > 16 * 784 * quality.squared_error_per_pixel
    assert 0 < quality.negative_elbo_deviation < 0.01 * quality.negative_elbo


class HalfInactive(ExportedModel):
    """A model whose last 16 dimensions equal the prior and are not decoded."""

    @override
    def encode(self, pixels: Floats) -> tuple[Floats, Floats]:
        mean, log_variance = super().encode(pixels)
        return mean * USED, log_variance * USED

    @override
    def decode(self, latent: Floats) -> Floats:
        return super().decode(latent * USED)


def test_units_without_information_are_inactive(
    exported: Path, test_digits: LabelledImages
) -> None:
    """Setting them to 0 loses nothing; in a barely trained model it does."""
    half = autoencoder_quality(HalfInactive(MODEL), test_digits)

    assert half.active_units == 16
    assert half.inactive_units_loss == 0
    barely_trained = autoencoder_quality(ExportedModel(exported), test_digits)
    assert barely_trained.inactive_units_loss != 0


def test_a_binarised_model_is_measured_on_binarised_digits(
    binarized: tuple[ExportedModel, float], test_digits: LabelledImages
) -> None:
    """Its negative ELBO is close to the training loss."""
    model, loss = binarized

    assert autoencoder_quality(model, test_digits).negative_elbo == pytest.approx(
        loss, rel=0.3
    )
