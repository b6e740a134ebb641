"""An exported model's quality is what the formulas say."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from tests.training.conftest import SMALL
from training.evaluate import evaluate
from training.export import export
from training.exported_model import ExportedModel
from training.mnist import DataSource, Digits
from training.objective import kl_divergence, squared_error
from training.train import Trainer, trained_model


def test_measures_agree_with_pytorch(model: ExportedModel, checkpoint: Path, test_digits: Digits) -> None:
    """From the graphs, the same numbers as from the weights."""
    quality = evaluate(model, test_digits)
    vae, _ = trained_model(checkpoint)
    pixels = test_digits.pixels()
    with torch.inference_mode():
        mean, log_variance = vae.encoder(pixels)
        error = squared_error(pixels, vae.decoder(mean)).mean() / 784

    assert quality.test_images == 1000
    assert quality.squared_error_per_pixel == pytest.approx(error.item(), rel=1e-4)
    assert quality.kl_divergence == pytest.approx(kl_divergence(mean, log_variance).mean().item(), rel=1e-4)
    assert quality.active_units == int((mean.var(dim=0) > 0.01).sum())
    assert 0 < quality.active_units < 32
    assert quality.negative_elbo > 16 * 784 * quality.squared_error_per_pixel


def test_the_result_goes_into_the_card(model: ExportedModel, test_digits: Digits) -> None:
    """All else in the card stays; a second run gives the same."""
    before = model.card
    quality = evaluate(model, test_digits)
    after = ExportedModel(model.folder)

    assert after.card == {**before, "quality": asdict(quality)}
    assert evaluate(after, test_digits) == quality


def test_a_binarized_model_is_measured_on_binarized_digits(
    train_digits: Digits, test_digits: Digits, source: DataSource, tmp_path: Path
) -> None:
    """Its negative ELBO is that of training: a likelihood of black and white pixels, in nats."""
    recipe = replace(SMALL, objective="bernoulli", binarize=True, epochs=2)
    trainer = Trainer(train_digits, recipe, torch.device("cpu"))
    *_, last = trainer.epochs()
    trainer.save(tmp_path / "checkpoint.pt")
    export(tmp_path / "checkpoint.pt", tmp_path / "small", source, train_digits, test_digits)

    quality = evaluate(ExportedModel(tmp_path / "small"), test_digits)
    assert quality.negative_elbo == pytest.approx(last.loss, rel=0.3)
