"""Out-of-distribution images are built as described."""

import torch

from training.data.images import LabelledImages
from training.evaluation.ood_images import out_of_distribution_images, side_by_side


def test_two_digits_side_by_side_keep_their_ink() -> None:
    """Each image has a quarter of its ink, in its own half."""
    left, right = torch.ones(1, 1, 28, 28), torch.zeros(1, 1, 28, 28)
    image = side_by_side(left, right)

    assert image.shape == (1, 1, 28, 28)
    assert image.sum() == 14 * 14
    assert image[0, 0, 7:21, :14].min() == 1


def test_all_images_have_the_digits_shape(test_digits: LabelledImages) -> None:
    """Values are in [0, 1]; Fashion-MNIST is there only where it is available."""
    digits = test_digits.first(10)
    images = out_of_distribution_images(digits, None)

    for pixels in images.values():
        assert pixels.shape == (10, 1, 28, 28)
        assert 0 <= pixels.min() <= pixels.max() <= 1
    assert "Fashion-MNIST" not in images
    assert "Fashion-MNIST" in out_of_distribution_images(digits, digits)
