"""Anomaly maps of made parts, reconstructed by the linear network."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from tests.parts import DEFECTS, Parts, defective_parts, good_parts
from training.data.augmentation import jitter
from training.data.images import LabelledImages
from training.fitting.linear import fit_linear
from training.inspection.anomaly_map import AnomalyMap, fit_anomaly_map
from training.inspection.map_pictures import map_levels
from training.inspection.threshold import calibrate_threshold
from training.network.linear import LinearVAE

LATENT_SIZE = 64
TRAIN, CALIBRATION, TEST, OF_EACH_KIND = 600, 200, 1000, 20
JITTERED = 3  # copies of each training image


@dataclass(frozen=True)
class Inspected:
    """Maps of good parts, and parts with defects with their maps, by kind.

    threshold: of 1 % false alarms, from other good parts.
    """

    threshold: float
    anomaly_map: AnomalyMap
    network: LinearVAE
    good: Tensor
    defective: dict[str, tuple[Parts, Tensor]]


def unit(parts: Parts) -> Tensor:
    """Return the pixels in [0, 1]."""
    return torch.from_numpy(parts.images).float() / 255


def reconstruct(network: LinearVAE, pixels: Tensor) -> Tensor:
    """Return the reconstructions of pixels from their posterior means."""
    with torch.inference_mode():
        mean, _ = network.encoder(pixels)
        reconstructions: Tensor = network.decoder(mean)
    return reconstructions


def fit_jittered(pixels: Tensor) -> LinearVAE:
    """Return a linear network fitted to images and to jittered copies of them."""
    generator = torch.Generator().manual_seed(0)
    copies = [jitter(pixels, generator) for _ in range(JITTERED)]
    levels = (255 * torch.cat([pixels, *copies])).round().to(torch.uint8)
    labels = torch.zeros(len(levels), dtype=torch.int64)
    return fit_linear(LabelledImages(levels, labels), LATENT_SIZE)


@pytest.fixture(scope="module", params=[1, 3], ids=["grey", "colour"])
def inspected(request: pytest.FixtureRequest) -> Inspected:
    """Return the maps of good parts and of parts with defects."""
    channels = request.param
    train = unit(good_parts(TRAIN, channels, seed=1))
    network = fit_jittered(train)
    anomaly_map = fit_anomaly_map(train, reconstruct(network, train))

    def maps(parts: Parts) -> Tensor:
        pixels = unit(parts)
        result: Tensor = anomaly_map(pixels, reconstruct(network, pixels))
        return result

    defective = {}
    for index, kind in enumerate(DEFECTS):
        parts = defective_parts(kind, OF_EACH_KIND, channels, seed=10 + index)
        defective[kind] = parts, maps(parts)
    good = maps(good_parts(TEST, channels, seed=2))
    calibration = maps(good_parts(CALIBRATION, channels, seed=3)).amax(dim=(1, 2))
    threshold = calibrate_threshold(calibration.numpy(), 0.01).score
    return Inspected(threshold, anomaly_map, network, good, defective)


def test_defects_have_higher_scores_than_good_parts(inspected: Inspected) -> None:
    """Image AUROC of 0.99 or more, and recall of 0.85 at 1 % false alarms."""
    good = inspected.good.amax(dim=(1, 2)).numpy()
    for kind, (_, maps) in inspected.defective.items():
        scores = maps.amax(dim=(1, 2)).numpy()
        labels = [0] * len(good) + [1] * len(scores)
        assert roc_auc_score(labels, np.concatenate([good, scores])) >= 0.99, kind
        assert (scores > inspected.threshold).mean() >= 0.85, kind


def test_maps_of_good_parts_stay_dark(inspected: Inspected) -> None:
    """Of 1,000 maps as pictures, less than 1 % of the pixels are above 128."""
    levels = map_levels(inspected.good.numpy(), inspected.threshold)

    assert (levels > 128).mean() < 0.01


def test_maps_show_the_place_of_the_defect(inspected: Inspected) -> None:
    """Pixel AUROC of 0.97 or more for each kind, in grey as in colour."""
    for kind, (parts, maps) in inspected.defective.items():
        area = roc_auc_score(parts.masks.ravel(), maps.numpy().ravel())
        assert area >= 0.97, kind


def test_a_map_does_not_depend_on_the_exposure() -> None:
    """An image and its reconstruction in half the light have the same map."""
    generator = torch.Generator().manual_seed(0)
    pixels = 0.2 + 0.8 * torch.rand(50, 3, 24, 24, generator=generator)
    noise = 0.05 * torch.randn(pixels.shape, generator=generator)
    reconstructions = pixels + noise
    anomaly_map = fit_anomaly_map(pixels, reconstructions)

    maps = anomaly_map(pixels, reconstructions)
    darker = anomaly_map(pixels / 2, reconstructions / 2)

    assert torch.allclose(darker, maps, rtol=1e-4, atol=1e-4)


def test_a_black_image_has_a_finite_map() -> None:
    """Its brightness is 0, which nothing can be divided by."""
    black = torch.zeros(20, 1, 16, 16)
    reconstructions = torch.linspace(0, 0.1, 20).reshape(-1, 1, 1, 1).expand_as(black)

    maps = fit_anomaly_map(black, reconstructions)(black, reconstructions)

    assert torch.isfinite(maps).all()


def test_a_map_is_the_same_in_any_batch(inspected: Inspected) -> None:
    """An image has the same map alone and among others."""
    parts, _ = inspected.defective["scratch"]
    pixels = unit(parts)
    reconstructions = reconstruct(inspected.network, pixels)
    together = inspected.anomaly_map(pixels, reconstructions)
    for index in range(len(pixels)):
        one = slice(index, index + 1)
        alone = inspected.anomaly_map(pixels[one], reconstructions[one])
        assert torch.equal(alone[0], together[index])


def test_a_place_that_never_varies_has_a_finite_map() -> None:
    """A residual of zero everywhere but at one pixel gives no division by zero."""
    pixels = torch.zeros(4, 1, 8, 8)
    pixels[1, 0, 2, 2] = 0.5
    anomaly_map = fit_anomaly_map(pixels, torch.zeros_like(pixels))

    assert anomaly_map(pixels, torch.zeros_like(pixels)).isfinite().all()
