"""The index of drift: small for images like the calibration's, large for others."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from service.model.autoencoder import Pixels
from service.model.inspection import inspect
from service.model.onnx_autoencoder import OnnxAutoencoder
from service.observability.drift import (
    BINS,
    SIGNIFICANT,
    WINDOW_IMAGES,
    PercentileWindow,
    stability_index,
    stability_limit,
)
from tests.models import UnbatchedAutoencoder
from tests.parts import good_parts
from tests.samples import MODEL, fake_calibration
from training.data.images import LabelledImages
from training.inspection.inspector import brightness_deciles

SHIFT = 26  # levels: 10 % of their range


@pytest.fixture
def window() -> PercentileWindow:
    """An empty window."""
    return PercentileWindow()


def test_equal_shares_have_the_index_0() -> None:
    """A percentile on a bin's edge is in the lower bin."""
    assert stability_index(np.array(BINS * 20)) == pytest.approx(0)


def test_the_index_is_that_of_the_formula() -> None:
    """The sum of (p - q) log(p / q); an empty bin counts as half an image."""
    percentiles = np.array([5] * 40 + [95] * 160)
    shares = np.array([0.2, 0.8] + [0.0025] * 8)
    expected = np.sum((shares - 0.1) * np.log(shares / 0.1))

    assert stability_index(percentiles) == pytest.approx(expected)


def test_a_window_that_is_not_full_has_the_index_0(window: PercentileWindow) -> None:
    """A few images say nothing; nor does a window that was cleared."""
    window.add([99.0] * (WINDOW_IMAGES - 1))
    assert window.stability_index() == 0

    window.add([99.0])
    assert window.stability_index() > 5

    window.clear()
    assert window.stability_index() == 0


def test_only_the_last_images_count(window: PercentileWindow) -> None:
    """Those before them are forgotten, also within one request."""
    window.add([99.0] * (3 * WINDOW_IMAGES + 7))
    window.add(BINS * (WINDOW_IMAGES // len(BINS)))

    assert window.stability_index() == pytest.approx(0)


def test_processes_share_a_window(window: PercentileWindow) -> None:
    """Each adds half of it."""
    for _ in range(2):
        if not (process := os.fork()):
            window.add([99.0] * (WINDOW_IMAGES // 2))
            os._exit(0)
        assert os.waitpid(process, 0)[1] == 0

    assert window.stability_index() > 5


@pytest.mark.parametrize(
    ("images", "limit"), [(99, 0.68), (200, 0.45), (1000, 0.27), (5000, 0.25)]
)
def test_few_calibration_images_raise_the_limit(images: int, limit: float) -> None:
    """By chance, the percentiles of good images are then not uniform."""
    assert stability_limit(images) == pytest.approx(limit, abs=0.01)


@pytest.mark.parametrize("images", [99, 300, 2000])
def test_chance_stays_below_the_limit(random: np.random.Generator, images: int) -> None:
    """For 100 calibrations, with 100 windows of new images each."""
    limit = stability_limit(images)
    for _ in range(100):
        calibration = np.sort(random.random(images))
        new = random.random((100, WINDOW_IMAGES))
        percentiles = 100 * np.searchsorted(calibration, new) / images
        largest = max(stability_index(window) for window in percentiles)
        assert largest < limit


@pytest.fixture(scope="module")
def digit_percentiles(test_digits: LabelledImages) -> dict[int, list[float]]:
    """Percentiles of 1,000 real digits, as they are and brighter, by the shift."""
    digits = test_digits.images.numpy()
    return {shift: percentiles_of(brighter(digits, shift)) for shift in (0, SHIFT)}


def brighter(images: Pixels, levels: int) -> Pixels:
    """Return images whose levels are higher, up to white."""
    shifted = images.astype(np.int64) + levels
    return shifted.clip(max=255).astype(np.uint8)


def percentiles_of(images: Pixels) -> list[float]:
    """Return the percentiles of images by the shipped model."""
    model = UnbatchedAutoencoder(OnnxAutoencoder.load(MODEL))
    inspections = asyncio.run(inspect(model, images))
    percentiles: list[float] = inspections.percentiles.tolist()
    return percentiles


def test_ten_thousand_digits_raise_no_alert(
    window: PercentileWindow,
    digit_percentiles: dict[int, list[float]],
    random: np.random.Generator,
) -> None:
    """Drawn at random from 1,000 real ones."""
    drawn = random.choice(digit_percentiles[0], 10_000)
    largest = 0.0
    for percentile in drawn.tolist():
        window.add([percentile])
        largest = max(largest, window.stability_index())

    assert 0 < largest < SIGNIFICANT


def test_ten_percent_more_light_raises_the_alert_within_300_images(
    window: PercentileWindow,
    digit_percentiles: dict[int, list[float]],
    random: np.random.Generator,
) -> None:
    """After 1,000 digits as they were."""
    window.add(random.choice(digit_percentiles[0], 1000).tolist())
    before = window.stability_index()
    images = 0
    for percentile in digit_percentiles[SHIFT]:
        window.add([percentile])
        images += 1
        if window.stability_index() > stability_limit(5000):
            break

    assert before < SIGNIFICANT
    assert images <= 300


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_ten_percent_of_the_light_raise_the_alert_of_the_brightness(
    channels: int, factor: float
) -> None:
    """Within 300 made parts, whose relative residuals stay the same."""
    calibration = made_parts(channels, 500, seed=1)
    deciles = brightness_deciles(calibration)
    parts = made_parts(channels, 1300, seed=2).images.numpy()
    changed = np.rint(parts[1000:] * factor).clip(max=255)
    window = PercentileWindow()
    window.add(brightness_percentiles(deciles, parts[:1000]))
    before = window.stability_index()
    window.add(brightness_percentiles(deciles, changed))

    assert 0 < before < stability_limit(500) < window.stability_index()


def test_ten_thousand_parts_raise_no_alert_of_the_brightness(
    window: PercentileWindow, random: np.random.Generator
) -> None:
    """Drawn at random from 1,000, none of which are among the calibration's."""
    deciles = brightness_deciles(made_parts(1, 500, seed=1))
    parts = made_parts(1, 1000, seed=2).images.numpy()
    percentiles = brightness_percentiles(deciles, parts)
    largest = 0.0
    for percentile in random.choice(percentiles, 10_000).tolist():
        window.add([percentile])
        largest = max(largest, window.stability_index())

    assert 0 < largest < stability_limit(500)


def made_parts(channels: int, count: int, *, seed: int) -> LabelledImages:
    """Return good parts."""
    images = torch.from_numpy(good_parts(count, channels, seed=seed).images)
    return LabelledImages(images, torch.zeros(count, dtype=torch.int64))


def brightness_percentiles(
    deciles: list[float], images: NDArray[np.number[Any]]
) -> Sequence[float]:
    """Return the percentiles of the brightness of images, as the service does."""
    calibration = replace(fake_calibration(), brightness_deciles=deciles)
    pixels = images.astype(np.float32) / np.float32(255)
    return calibration.brightness_percentiles(pixels)
