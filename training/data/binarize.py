"""Dynamic binarisation: black and white images drawn from grey ones."""

import torch
from torch import Tensor


def binarize(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Draw each pixel as 1 with its value in [0, 1] as the probability, else as 0.

    That is 1 where u < x, u ~ U[0, 1).
    """
    uniform = torch.rand(
        pixels.shape,
        generator=generator,
        device=pixels.device,
    )
    return uniform.lt_(pixels)
