"""SSIM has the values of its definition."""

import pytest
import torch

from training.evaluation.structural_similarity import (
    gaussian_window,
    structural_similarity,
)


def test_equal_images_have_similarity_1() -> None:
    """In colour and in grey; a different image has less."""
    images = torch.rand(2, 3, 16, 20, generator=torch.Generator().manual_seed(0))

    assert structural_similarity(images, images).tolist() == pytest.approx([1, 1])
    assert (structural_similarity(images, images.flip(3)) < 0.5).all()


def test_uniform_images_differ_by_luminance_alone() -> None:
    """With means a and b it is (2ab + C1) / (a^2 + b^2 + C1)."""
    dark, light = torch.full((1, 1, 12, 12), 0.2), torch.full((1, 1, 12, 12), 0.6)

    expected = (2 * 0.2 * 0.6 + 1e-4) / (0.2**2 + 0.6**2 + 1e-4)
    assert structural_similarity(dark, light).item() == pytest.approx(
        expected, abs=1e-4
    )


def test_one_window_has_the_definitions_value() -> None:
    """An image of the window's size has one position: weighted moments give the value."""
    generator = torch.Generator().manual_seed(1)
    first, second = torch.rand(2, 11, 11, generator=generator, dtype=torch.float64)
    row = gaussian_window().double()
    weights = row.outer(row)
    first_mean, second_mean = (weights * first).sum(), (weights * second).sum()
    first_variance = (weights * (first - first_mean).square()).sum()
    second_variance = (weights * (second - second_mean).square()).sum()
    covariance = (weights * (first - first_mean) * (second - second_mean)).sum()
    expected = (2 * first_mean * second_mean + 1e-4) * (2 * covariance + 9e-4)
    expected /= first_mean**2 + second_mean**2 + 1e-4
    expected /= first_variance + second_variance + 9e-4

    similarity = structural_similarity(first[None, None], second[None, None])
    assert similarity.item() == pytest.approx(expected.item(), rel=1e-6)
