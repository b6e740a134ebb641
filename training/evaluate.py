"""How good an exported model is, measured on digits it was not trained on and from its ONNX graphs alone."""

from dataclasses import asdict, dataclass

import torch
from rich.progress import track
from torch import Tensor

from training.exported_model import ExportedModel, write_card
from training.mnist import Digits
from training.objective import Objective, kl_divergence, squared_error
from training.train import binarize
from training.vae import sample_posterior

BATCH_SIZE = 1000
EVALUATION_SEED = 0
LOGIT_EPSILON = 1e-7  # float32 pixels cannot tell a probability from 1 any closer
ACTIVE_VARIANCE = 0.01  # Burda, Grosse & Salakhutdinov 2016, arXiv:1509.00519, section 5.2


@dataclass(frozen=True, slots=True)
class Quality:
    """Means over the test images.

    squared_error_per_pixel: of pixels in [0, 1], reconstructed from the posterior mean.
    kl_divergence: KL(q(z|x) || N(0, I)) in nats per image.
    negative_elbo: reconstruction loss of one posterior sample plus KL, in nats per image; with the objective
        ``squared-error`` without the Gaussian's constant, so that only models of one objective compare.
    active_units: latent dimensions whose posterior mean varies over the images by more than 0.01.
    """

    test_images: int
    squared_error_per_pixel: float
    kl_divergence: float
    negative_elbo: float
    active_units: int


def evaluate(model: ExportedModel, test: Digits) -> Quality:
    """Measure the model on the test digits and write the result to its card."""
    objective = Objective(model.card["objective"]["name"], model.card["objective"]["c"] or 0.0)
    generator = torch.Generator().manual_seed(EVALUATION_SEED)
    pixels = test.pixels()
    if model.card["training"]["binarize"]:
        pixels = binarize(pixels, generator)
    batches = track(pixels.split(BATCH_SIZE), description="measuring")
    parts = [measure(model, batch, objective, generator) for batch in batches]
    per_image, means = (torch.cat(part) for part in zip(*parts, strict=True))
    squared_error_sum, kl, negative_elbo = per_image.mean(dim=0).tolist()
    quality = Quality(
        test_images=len(test),
        squared_error_per_pixel=squared_error_sum / pixels[0].numel(),
        kl_divergence=kl,
        negative_elbo=negative_elbo,
        active_units=int((means.var(dim=0) > ACTIVE_VARIANCE).sum()),
    )
    write_card(model.folder, {**model.card, "quality": asdict(quality)})
    return quality


def measure(
    model: ExportedModel, pixels: Tensor, objective: Objective, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Per image squared error, KL and negative ELBO, float64 (batch, 3), and the posterior means (batch, latent)."""
    mean, log_variance = (torch.from_numpy(half) for half in model.encode(pixels.numpy()))
    latent = sample_posterior(mean, log_variance, generator)
    reconstruction, from_sample = (torch.from_numpy(model.decode(z.numpy())).double() for z in (mean, latent))
    kl = kl_divergence(mean.double(), log_variance.double())
    logits = torch.logit(from_sample, eps=LOGIT_EPSILON)
    negative_elbo = objective.reconstruction_loss(pixels.double(), logits) + kl
    return torch.stack([squared_error(pixels.double(), reconstruction), kl, negative_elbo], dim=1), mean
