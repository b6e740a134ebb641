"""How good an exported model is, measured on digits it was not trained on and from its ONNX graphs alone.

A model trained on binarised digits is measured on such, but for its features, its pictures and its anomaly score: these
are of grey digits, as the service gets them.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from rich.progress import track
from torch import Tensor

from training.artifact.exported_model import ExportedModel, write_card
from training.artifact.latent_statistics import LatentStatistics, read_statistics
from training.artifact.model_card import write_measures
from training.data.binarize import binarize
from training.data.digits import Digits
from training.data.errors import DataError
from training.evaluation.anomaly_quality import anomaly_quality
from training.evaluation.classifier import Classifier
from training.evaluation.features import feature_quality
from training.evaluation.likelihood import (
    IMPORTANCE_SAMPLES,
    bernoulli_log_likelihood,
    negative_log_likelihoods,
)
from training.evaluation.samples import picture_qualities
from training.network.mlp import sample_posterior
from training.network.objective import Objective, kl_divergence, squared_error

Split = Literal["test", "held-out"]

SEED = 0
ELBO_DRAWS = 5
FEWEST_DIGITS = 100
ACTIVE_VARIANCE = (
    0.01  # Burda, Grosse & Salakhutdinov 2016, arXiv:1509.00519, section 5.2
)


@dataclass(frozen=True, slots=True)
class Quality:
    """Means over the test images, binarised where training binarised them.

    squared_error_per_pixel: of pixels in [0, 1], reconstructed from the posterior mean.
    kl_divergence: KL(q(z|x) || N(0, I)) in nats per image.
    negative_elbo: reconstruction loss of one posterior sample plus KL, in nats per image, mean of five draws; with
        the objective ``squared-error`` without the Gaussian's constant, so that only models of one objective compare.
    negative_elbo_deviation: standard deviation of these five.
    active_units: latent dimensions whose posterior mean varies over the images by more than 0.01.
    inactive_units_loss: what the reconstruction loss rises by where the other dimensions are set to 0, in nats.
    """

    test_images: int
    squared_error_per_pixel: float
    kl_divergence: float
    negative_elbo: float
    negative_elbo_deviation: float
    active_units: int
    inactive_units_loss: float


def evaluate(  # noqa: PLR0913, PLR0917 - all that a model is measured with
    model: ExportedModel,
    train: Digits,
    test: Digits,
    classifier: Classifier,
    split: Split = "test",
    fashion: Digits | None = None,
) -> dict[str, Any]:
    """Measure all there is to measure, write it to the card and to the README beside it, and give the card.

    train: the digits that the model was fitted to.
    split: what the digits ``test`` are.
    fashion: Fashion-MNIST's images, if they are at hand.

    Raises what ``check`` does, and ModelError where the model is not calibrated.
    """
    statistics = check(model, train, test)
    train_means, test_means = (
        model.encode(digits.pixels().numpy())[0] for digits in (train, test)
    )
    features = feature_quality(
        (train_means, train.labels.numpy()), (test_means, test.labels.numpy())
    )
    pictures = picture_qualities(model, statistics, train, test, classifier)
    quality = {
        "split": split,
        **asdict(measure(model, test)),
        "negative_log_likelihood": negative_log_likelihood(model, test),
        **asdict(features),
        "pictures": {name: asdict(these) for name, these in pictures.items()},
        "anomalies": asdict(anomaly_quality(model, statistics, test, fashion)),
    }
    card = {**model.card, "quality": quality}
    write_card(model.folder, card)
    write_measures(model.folder, card)
    return card


def check(model: ExportedModel, train: Digits, test: Digits) -> LatentStatistics:
    """Tell before long work whether a model can be measured on such digits; give its statistics.

    Raises DataError where there are too few, ModelError where the model has no statistics.
    """
    if min(len(train), len(test)) < FEWEST_DIGITS:
        raise DataError(
            f"evaluation takes {FEWEST_DIGITS} digits at least: {len(train)} and {len(test)} are there"
        )
    return read_statistics(model)


def measure(model: ExportedModel, test: Digits) -> Quality:
    """Measure the autoencoder by itself: error, KL, ELBO and active units."""
    objective = Objective(
        model.card["objective"]["name"], model.card["objective"]["c"] or 0.0
    )
    generator = torch.Generator().manual_seed(SEED)
    pixels = as_trained(model, test, generator)
    mean, log_variance = (
        torch.from_numpy(half) for half in model.encode(pixels.numpy())
    )
    active = mean.var(dim=0) > ACTIVE_VARIANCE
    kl = kl_divergence(mean.double(), log_variance.double()).mean().item()

    def losses() -> tuple[float, float]:
        latent = sample_posterior(mean, log_variance, generator)
        whole, active_alone = (
            reconstruction_loss(model, pixels, some, objective)
            for some in (latent, latent * active)
        )
        return whole, active_alone

    draws = [
        losses() for _ in track(range(ELBO_DRAWS), description="measuring the ELBO")
    ]
    whole, active_alone = torch.tensor(draws, dtype=torch.float64).unbind(dim=1)
    return Quality(
        test_images=len(test),
        squared_error_per_pixel=squared_error(pixels, decode(model, mean)).mean().item()
        / pixels[0].numel(),
        kl_divergence=kl,
        negative_elbo=whole.mean().item() + kl,
        negative_elbo_deviation=whole.std().item(),
        active_units=int(active.sum()),
        inactive_units_loss=(active_alone - whole).mean().item(),
    )


def negative_log_likelihood(
    model: ExportedModel, test: Digits, samples: int = IMPORTANCE_SAMPLES
) -> float | None:
    """Mean -log p(x) in nats of the binarised test digits; None where the pixels are not taken as Bernoulli's."""
    if model.card["objective"]["name"] == "squared-error":
        return None
    generator = torch.Generator().manual_seed(SEED)
    pixels = binarize(test.pixels(), generator)
    estimates = negative_log_likelihoods(
        model, pixels, samples, bernoulli_log_likelihood, generator
    )
    values = list(
        track(estimates, total=len(test), description="estimating the likelihood")
    )
    return sum(values) / len(values)


def as_trained(
    model: ExportedModel, digits: Digits, generator: torch.Generator
) -> Tensor:
    """The digits' pixels as the model was trained on: grey, or drawn black and white."""
    pixels = digits.pixels()
    return binarize(pixels, generator) if model.card["training"]["binarize"] else pixels


def reconstruction_loss(
    model: ExportedModel, pixels: Tensor, latent: Tensor, objective: Objective
) -> float:
    """Mean -log p(x|z) in nats, up to the objective's constant."""
    return objective.loss_of_decoded(pixels, decode(model, latent)).mean().item()


def decode(model: ExportedModel, latent: Tensor) -> Tensor:
    """The pixels, float64, of latents."""
    return torch.from_numpy(model.decode(latent.numpy())).double()
