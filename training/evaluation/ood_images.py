"""Out-of-distribution images: other objects, noise and distorted digits."""

import torch
from torch import Tensor
from torch.nn import functional

from training.data.images import LabelledImages

SEED = 0


def out_of_distribution_images(
    digits: LabelledImages,
    fashion: LabelledImages | None,
) -> dict[str, Tensor]:
    """Return images of the digits' size, by name.

    Each tensor has shape (batch, 1, height, width) and values in [0, 1].
    """
    pixels = digits.pixels()
    generator = torch.Generator().manual_seed(SEED)
    order = torch.randperm(len(pixels), generator=generator)
    others = pixels[order]
    noise = torch.randint(
        256,
        pixels.shape,
        generator=generator,
    )
    images = {}
    if fashion is not None:
        images["Fashion-MNIST"] = fashion.pixels()
    images["uniform noise"] = noise / 255
    rotated = pixels.rot90(dims=(2, 3))
    images["images rotated by 90°"] = rotated.contiguous()
    images["two superimposed images"] = torch.maximum(pixels, others)
    images["two images side by side"] = side_by_side(pixels, others)
    return images


def side_by_side(left: Tensor, right: Tensor) -> Tensor:
    """Return both images at half their size, centred in one image."""
    small_left = functional.avg_pool2d(left, 2)
    small_right = functional.avg_pool2d(right, 2)
    pair = torch.cat([small_left, small_right], dim=3)
    height = pair.shape[2]
    margin = (left.shape[2] - height) // 2
    padding = 0, 0, margin, margin
    return functional.pad(pair, padding)
