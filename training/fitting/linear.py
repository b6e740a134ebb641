"""Probabilistic PCA in closed form, in bounded memory.

The leading components are found by randomised subspace iteration: Halko, Martinsson &
Tropp 2011, arXiv:0909.4061, algorithm 4.4. It reads the images in batches.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from training.data.images import MAX_LEVEL, LabelledImages
from training.fitting.errors import TrainingError
from training.network.linear import LinearVAE

BATCH_VALUES = 2**24  # of pixels held as float32 at a time: 64 MB
OVERSAMPLING = 16  # directions beyond those asked for
ITERATIONS = 5
# A pixel of 256 levels is rounded by a uniform error of this variance.
MIN_NOISE_VARIANCE = 1 / (12 * MAX_LEVEL**2)


@dataclass(frozen=True, slots=True)
class Components:
    """Principal components of images.

    mean_image: (pixels,).
    vectors: unit vectors, (components, pixels), by falling variance.
    variances: of the images along each, (components,).
    total_variance: over all directions.
    """

    mean_image: Tensor
    vectors: Tensor
    variances: Tensor
    total_variance: float


def fit_linear(images: LabelledImages, latent_size: int, seed: int = 0) -> LinearVAE:
    """Return the linear VAE of the highest likelihood.

    Raise TrainingError if there are too few images or pixels for the latents.
    """
    network = LinearVAE(images.image_shape, latent_size)
    set_weights(network, images, seed)
    return network.eval()


def set_weights(network: LinearVAE, images: LabelledImages, seed: int) -> float:
    """Set a network's weights to those of the highest likelihood.

    Return the variance of a pixel's noise. Raise TrainingError if there are too few
    images or pixels for the latents.
    """
    latent_size = network.latent_size
    pixel_count = images.images[0].numel()
    if latent_size >= min(len(images), pixel_count):
        raise TrainingError(
            f"{latent_size} latent dimensions need more images than that, and more "
            f"pixels: there are {len(images)} images of {pixel_count}"
        )
    found = principal_components(images, latent_size, seed)
    remaining = found.total_variance - found.variances.sum().item()
    noise_variance = remaining / (pixel_count - latent_size)
    noise_variance = max(noise_variance, MIN_NOISE_VARIANCE)
    variances = found.variances.clamp(min=noise_variance)
    network.set_components(found.mean_image, found.vectors, variances, noise_variance)
    return noise_variance


def principal_components(images: LabelledImages, count: int, seed: int) -> Components:
    """Return the leading principal components of images."""
    total = sum(batch.sum(dim=0, dtype=torch.float64) for batch in batches(images))
    assert isinstance(total, Tensor)  # noqa: S101 - there are images
    mean_image = (total / len(images)).float()
    generator = torch.Generator().manual_seed(seed)
    rank = min(count + OVERSAMPLING, len(images), len(mean_image))
    basis = torch.randn(len(mean_image), rank, generator=generator)
    for _ in range(ITERATIONS):
        basis, _ = torch.linalg.qr(covariance_product(images, mean_image, basis))
    inner = basis.t() @ covariance_product(images, mean_image, basis)
    values, vectors = torch.linalg.eigh((inner + inner.t()) / 2)
    leading = vectors.flip(1)[:, :count]
    squares = sum(
        (batch - mean_image).square().sum(dtype=torch.float64).item()
        for batch in batches(images)
    )
    return Components(
        mean_image=mean_image,
        vectors=oriented((basis @ leading).t()),
        variances=values.flip(0)[:count],
        total_variance=squares / len(images),
    )


def covariance_product(
    images: LabelledImages, mean_image: Tensor, directions: Tensor
) -> Tensor:
    """Return the product of the pixels' covariance with directions (pixels, count)."""
    product = torch.zeros_like(directions)
    for batch in batches(images):
        centered = batch - mean_image
        product += centered.t() @ (centered @ directions)
    return product / len(images)


def batches(images: LabelledImages) -> Iterator[Tensor]:
    """Yield pixels (batch, pixels) in [0, 1], at most 64 MB at a time."""
    size = max(1, BATCH_VALUES // images.images[0].numel())
    for levels in images.images.split(size):
        yield levels.flatten(start_dim=1).float() / MAX_LEVEL


def oriented(vectors: Tensor) -> Tensor:
    """Return vectors (count, size), each with the sign that makes its sum positive."""
    signs = vectors.sum(dim=1).sign()
    signs[signs == 0] = 1
    return vectors * signs[:, None]
