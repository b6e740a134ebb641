"""An exported model's quality is what the formulas say."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.samples import MODEL
from tests.training.conftest import SMALL
from training.artifact.export import export
from training.artifact.exported_model import ExportedModel, Floats
from training.data.digits import Digits
from training.data.errors import DataError
from training.data.mnist import DataSource
from training.evaluation.classifier import Classifier
from training.evaluation.evaluate import (
    check,
    evaluate,
    measure,
    negative_log_likelihood,
)
from training.fitting.checkpoint import trained_model
from training.fitting.trainer import Trainer
from training.network.objective import kl_divergence, squared_error

USED = (np.arange(32) < 16).astype(np.float32)


@pytest.fixture(scope="module")
def binarized(
    tmp_path_factory: pytest.TempPathFactory,
    source: DataSource,
    train_digits: Digits,
    test_digits: Digits,
) -> tuple[ExportedModel, float]:
    """A model of black and white pixels, and its loss in the last epoch."""
    folder = tmp_path_factory.mktemp("binarized")
    trainer = Trainer(
        train_digits,
        replace(SMALL, objective="bernoulli", binarize=True),
        torch.device("cpu"),
    )
    *_, last = trainer.epochs()
    trainer.save(folder / "checkpoint.pt")
    export(
        folder / "checkpoint.pt", folder / "small", source, train_digits, test_digits
    )
    return ExportedModel(folder / "small"), last.loss


def test_measures_agree_with_pytorch(
    model: ExportedModel, checkpoint: Path, test_digits: Digits
) -> None:
    """From the graphs, the same numbers as from the weights."""
    quality = measure(model, test_digits)
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


class HalfIdle(ExportedModel):
    """A model without its last 16 dimensions: they are the prior, whatever the digit; the decoder ignores them."""

    def encode(self, pixels: Floats) -> tuple[Floats, Floats]:
        """Set the last means and log-variances to 0."""
        mean, log_variance = super().encode(pixels)
        return mean * USED, log_variance * USED

    def decode(self, latent: Floats) -> Floats:
        """Decode the first dimensions alone."""
        return super().decode(latent * USED)


def test_units_that_carry_nothing_are_not_active(
    exported: Path, test_digits: Digits
) -> None:
    """Set to 0, they change nothing; those of a model that has hardly learned do."""
    cut = measure(HalfIdle(MODEL), test_digits)

    assert cut.active_units == 16
    assert cut.inactive_units_loss == 0
    assert measure(ExportedModel(exported), test_digits).inactive_units_loss != 0


def test_the_result_goes_into_the_card(
    model: ExportedModel,
    train_digits: Digits,
    test_digits: Digits,
    classifier: Classifier,
) -> None:
    """All else in the card stays; a second run gives the same; the README gets its tables."""
    before = model.card
    (model.folder / "README.md").write_text(
        "Before.\n<!-- measures: written by python -m training evaluate -->\n<!-- end of measures -->\nAfter.\n"
    )
    card = evaluate(model, train_digits, test_digits, classifier)

    assert json.loads((model.folder / "model.json").read_text()) == card
    assert {**card, "quality": None} == before
    assert card["quality"].items() > asdict(measure(model, test_digits)).items()
    assert card["quality"]["split"] == "test"
    assert card["quality"]["negative_log_likelihood"] is None
    assert card["quality"]["anomalies"]["digits"] == 500
    assert "| sampler by class |" in (model.folder / "README.md").read_text()
    assert (
        evaluate(ExportedModel(model.folder), train_digits, test_digits, classifier)
        == card
    )


def test_too_few_digits_are_refused(
    model: ExportedModel,
    train_digits: Digits,
    test_digits: Digits,
    classifier: Classifier,
) -> None:
    """And the card stays as it is."""
    with pytest.raises(
        DataError, match="takes 100 digits at least: 512 and 99 are there"
    ):
        evaluate(model, train_digits, test_digits.first(99), classifier)

    assert ExportedModel(model.folder).card["quality"] is None
    check(model, train_digits, test_digits.first(100))


def test_a_binarized_model_is_measured_on_binarized_digits(
    binarized: tuple[ExportedModel, float], test_digits: Digits
) -> None:
    """Its negative ELBO is that of training: a likelihood of black and white pixels, in nats."""
    model, loss = binarized

    assert measure(model, test_digits).negative_elbo == pytest.approx(loss, rel=0.3)


def test_the_likelihood_is_at_least_the_elbo(
    binarized: tuple[ExportedModel, float], test_digits: Digits
) -> None:
    """And rises with the number of samples."""
    model, _ = binarized
    digits = test_digits.first(100)
    one, few, many = (
        negative_log_likelihood(model, digits, samples) or 0 for samples in (1, 10, 100)
    )

    assert one == pytest.approx(measure(model, digits).negative_elbo, rel=0.02)
    assert one > few > many > 0
