"""Reconstruction error, KL divergence, ELBO and active units of an autoencoder."""

from dataclasses import dataclass

import torch
from rich.progress import track
from torch import Generator, Tensor

from training.artifact.inference import (
    BATCH_SIZE,
    TrainedAutoencoder,
    decode,
    encode,
)
from training.data.binarize import binarize
from training.data.images import LabelledImages
from training.evaluation.structural_similarity import structural_similarity
from training.network.mlp import sample_posterior
from training.network.objective import kl_divergence, squared_error

SEED = 0
ELBO_DRAWS = 5
# Burda, Grosse & Salakhutdinov 2016, arXiv:1509.00519, section 5.2.
ACTIVE_VARIANCE = 0.01


@dataclass(frozen=True, slots=True)
class AutoencoderQuality:
    """Means over the test images, binarised if training binarised its images.

    squared_error_per_pixel: of pixels in [0, 1], reconstructed from the posterior mean.
        A pixel of a colour image has three values, which count as three pixels.
    structural_similarity: SSIM of the same reconstructions, at most 1.
    kl_divergence: KL(q(z|x) || N(0, I)) in nats per image.
    negative_elbo: reconstruction loss of one posterior sample plus KL, in nats per
        image, mean of five draws. With the objective ``squared-error`` it leaves out
        the Gaussian's constant: only models of one objective are comparable.
    negative_elbo_deviation: standard deviation of these five.
    active_units: latent dimensions whose posterior mean has a variance above 0.01.
    inactive_units_loss: increase of the reconstruction loss, in nats, with the other
        dimensions set to 0.
    """

    test_images: int
    squared_error_per_pixel: float
    structural_similarity: float
    kl_divergence: float
    negative_elbo: float
    negative_elbo_deviation: float
    active_units: int
    inactive_units_loss: float


def autoencoder_quality(
    model: TrainedAutoencoder, test: LabelledImages
) -> AutoencoderQuality:
    """Measure the autoencoder itself, without samples and features."""
    generator = Generator().manual_seed(SEED)
    pixels = training_pixels(model, test, generator)
    mean, log_variance = encode(model, pixels)
    active = mean.var(dim=0) > ACTIVE_VARIANCE
    losses = []
    active_losses = []
    draws = range(ELBO_DRAWS)
    for _ in track(draws, description="measuring the ELBO"):
        latent = sample_posterior(mean, log_variance, generator)
        active_latent = latent * active
        losses.append(reconstruction_loss(model, pixels, latent))
        active_losses.append(reconstruction_loss(model, pixels, active_latent))
    loss = torch.tensor(losses, dtype=torch.float64)
    active_loss = torch.tensor(active_losses, dtype=torch.float64)
    increase = active_loss - loss
    error, similarity = reconstruction_quality(model, pixels, mean)
    kl = kl_divergence(mean.double(), log_variance.double())
    mean_kl = kl.mean().item()
    return AutoencoderQuality(
        test_images=len(test),
        squared_error_per_pixel=error.mean().item() / pixels[0].numel(),
        structural_similarity=similarity.mean().item(),
        kl_divergence=mean_kl,
        negative_elbo=loss.mean().item() + mean_kl,
        negative_elbo_deviation=loss.std().item(),
        active_units=int(active.sum()),
        inactive_units_loss=increase.mean().item(),
    )


def training_pixels(
    model: TrainedAutoencoder,
    images: LabelledImages,
    generator: Generator,
) -> Tensor:
    """Return the images' pixels as in the model's training: grey or binarised."""
    pixels = images.pixels()
    if model.binarized:
        return binarize(pixels, generator)
    return pixels


def reconstruction_loss(
    model: TrainedAutoencoder,
    pixels: Tensor,
    latent: Tensor,
) -> float:
    """Return the mean of -log p(x|z) in nats, up to the objective's constant."""
    losses = []
    batches = zip(pixels.split(BATCH_SIZE), latent.split(BATCH_SIZE), strict=True)
    for images, latents in batches:
        decoded = decode(model, latents)
        losses.append(model.objective.loss_of_decoded(images, decoded))
    return torch.cat(losses).mean().item()


def reconstruction_quality(
    model: TrainedAutoencoder,
    pixels: Tensor,
    latent: Tensor,
) -> tuple[Tensor, Tensor]:
    """Return squared error and SSIM of each image's reconstruction, float64."""
    errors = []
    similarities = []
    batches = zip(pixels.split(BATCH_SIZE), latent.split(BATCH_SIZE), strict=True)
    for images, latents in batches:
        decoded = decode(model, latents).double()
        errors.append(squared_error(images, decoded))
        similarities.append(structural_similarity(images.double(), decoded))
    return torch.cat(errors), torch.cat(similarities)
