"""Bounds of requests that depend on the model."""

from dataclasses import replace

from service.imaging.pixels import ImageShape
from tests.service.operations.conftest import LIMITS


def test_enlarged_images_of_a_large_model_are_bounded_by_memory() -> None:
    """Of a small one they are bounded by the setting, which the bound names."""
    digits = replace(LIMITS, image_shape=ImageShape(1, 28, 28), max_items=256)
    photos = replace(digits, image_shape=ImageShape(3, 128, 128))

    assert digits.max_upscaled == 4096
    assert digits.upscaled_bound == "16 x VAE_MAX_ITEMS"
    assert photos.max_upscaled == 64_000_000 // (3 * 128 * 128)
    assert photos.upscaled_bound == "1302"
