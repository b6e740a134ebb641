"""Structural similarity (SSIM) of images.

Wang, Bovik, Sheikh & Simoncelli 2004, Image quality assessment: from error visibility
to structural similarity, doi:10.1109/TIP.2003.819861.
"""

import torch
from torch import Tensor
from torch.nn import functional

# Section III.C of the paper; pixels have the range 1.
WINDOW_SIZE = 11
WINDOW_DEVIATION = 1.5
C1 = 0.01**2
C2 = 0.03**2


def structural_similarity(first: Tensor, second: Tensor) -> Tensor:
    """Return the mean SSIM of each pair of images, (batch,), equations 13 and 17.

    The mean is over the channels and over all windows that lie within the image.

    first, second: pixels in [0, 1], (batch, channels, height, width), with at least 11
        rows and columns.
    """
    first_mean = local_mean(first)
    second_mean = local_mean(second)
    first_variance = local_mean(first.square()) - first_mean.square()
    second_variance = local_mean(second.square()) - second_mean.square()
    means = first_mean * second_mean
    covariance = local_mean(first * second) - means
    squares = first_mean.square() + second_mean.square()
    luminance = (2 * means + C1) / (squares + C1)
    variances = first_variance + second_variance
    structure = (2 * covariance + C2) / (variances + C2)
    similarity = luminance * structure
    return similarity.flatten(start_dim=1).mean(dim=1)


def local_mean(images: Tensor) -> Tensor:
    """Return the mean of each window, weighted by a Gaussian."""
    channels = images.shape[1]
    window = gaussian_window().to(images.dtype)
    columns = window.reshape(1, 1, -1, 1).expand(channels, -1, -1, -1)
    rows = window.reshape(1, 1, 1, -1).expand(channels, -1, -1, -1)
    means = functional.conv2d(images, columns, groups=channels)
    return functional.conv2d(means, rows, groups=channels)


def gaussian_window() -> Tensor:
    """Return the weights of a row of the window, of sum 1."""
    offsets = torch.arange(WINDOW_SIZE) - WINDOW_SIZE // 2
    exponents = offsets.square() / (2 * WINDOW_DEVIATION**2)
    return torch.softmax(-exponents, dim=0)
