"""Inspections of images by the fake model, whose maps are the images."""

import asyncio
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from service.model.autoencoder import Backend, Pixels, check_inference
from service.model.calibration import Calibration
from service.model.card import Inspection, InspectionPart
from service.model.errors import InferenceError, NoInspectorError
from service.model.inspection import Inspections, inspect
from service.model.onnx_autoencoder import OnnxAutoencoder
from service.model.score import reconstruction_loss
from tests.color_model import DECILES
from tests.models import UnbatchedAutoencoder
from tests.samples import HEIGHT, MODEL, REPOSITORY, WIDTH, FakeAutoencoder
from training.data.images import LabelledImages

IMAGES = np.arange(0, 240, 10, dtype=np.uint8).reshape(4, 1, HEIGHT, WIDTH)


@pytest.fixture(scope="module")
def shipped() -> OnnxAutoencoder:
    """The model of this repository."""
    return OnnxAutoencoder.load(MODEL)


def inspections_of(backend: Backend, images: Pixels = IMAGES) -> Inspections:
    """Inspect images without batching."""
    return asyncio.run(inspect(UnbatchedAutoencoder(backend), images))


def calibrated_by(part: InspectionPart) -> FakeAutoencoder:
    """Return a model whose score is nearly always that of one part.

    Its calibration scores are far below those of images, the map's far above.
    """
    inspection = Inspection(
        parts=["map", part],
        weights=[1e-9, 1],
        images=20,
        false_alarm_rate=0.1,
        threshold=1,
        brightness_deciles=DECILES,
    )
    low = np.linspace(-1e6, -1e5, 20)
    calibration = Calibration.from_scores(inspection, np.stack([-low, low]))
    return FakeAutoencoder(calibration=calibration)


def test_the_score_of_an_image_is_its_maps_largest_value(
    autoencoder: FakeAutoencoder,
) -> None:
    """The percentile is its rank among the calibration's 99, which are 0.01 to 0.99."""
    inspections = inspections_of(autoencoder)
    largest = IMAGES.max(axis=(1, 2, 3)) / 255

    assert inspections.maps.shape == (4, HEIGHT, WIDTH)
    assert inspections.scores == pytest.approx(largest)
    assert inspections.percentiles == pytest.approx(np.ceil(largest * 100 - 1) / 0.99)
    assert inspections.reasons == ["map"] * 4


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_the_brightness_of_images_is_reported_by_tenths(
    autoencoder: FakeAutoencoder, dtype: type[np.number[Any]]
) -> None:
    """0 is in the lowest of the calibration's, full brightness in the highest."""
    model = UnbatchedAutoencoder(autoencoder)
    levels = np.array([0, 25, 26, 255]) / (1 if dtype is np.uint8 else 255)
    images = np.ones((4, 1, HEIGHT, WIDTH)) * levels.reshape(-1, 1, 1, 1)
    asyncio.run(inspect(model, images.astype(dtype)))

    assert model.brightness_percentiles == [10, 10, 20, 100]


@pytest.mark.parametrize("part", ["latent", "likelihood"])
def test_densities_are_in_nats(part: InspectionPart) -> None:
    """Surprisals grow as -log p(z), or -log p(x|z) - log p(z), above the tail."""
    model = calibrated_by(part)
    inspections = inspections_of(model)
    latents = model.encode(IMAGES).mean
    densities = np.logaddexp.reduce(
        model.statistics.class_log_densities(latents), axis=1
    )
    expected = -densities
    if part == "likelihood":
        pixels = IMAGES.astype(np.float32) / np.float32(255)
        expected += reconstruction_loss(model.card.objective, pixels, pixels)
    assert model.calibration is not None
    tail = np.sort(model.calibration.scores[1])[-10:]
    excess = np.mean(tail - tail[0])

    assert inspections.reasons == [part] * 4
    assert np.diff(inspections.scores) == pytest.approx(np.diff(expected) / excess)


def test_a_batch_is_inspected_as_one_by_one(autoencoder: FakeAutoencoder) -> None:
    """Maps, scores and percentiles are equal to the bit."""
    batch = inspections_of(autoencoder)
    alone = [inspections_of(autoencoder, image[np.newaxis]) for image in IMAGES]

    for name in ("maps", "scores", "percentiles"):
        together = np.concatenate([getattr(one, name) for one in alone])
        assert np.array_equal(getattr(batch, name), together)


def test_a_model_without_calibration_cannot_inspect(
    autoencoder: FakeAutoencoder,
) -> None:
    """The error says so."""
    with pytest.raises(NoInspectorError, match="the model has no inspector"):
        inspections_of(replace(autoencoder, calibration=None))


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_the_threshold_of_a_shipped_model_is_that_of_its_card(name: str) -> None:
    """It is computed from the statistics as training has computed it."""
    model = OnnxAutoencoder.load(REPOSITORY / "models" / name)
    calibration = model.calibration
    inspection = model.card.inspection

    assert calibration is not None
    assert inspection is not None
    assert calibration.at_rate(calibration.rate).score == inspection.threshold


def test_new_digits_are_anomalous_at_the_false_alarm_rate(
    shipped: OnnxAutoencoder, test_digits: LabelledImages
) -> None:
    """Within three deviations of 1 % for 1,000 of them; percentiles are uniform."""
    inspections = inspections_of(shipped, test_digits.images.numpy())
    calibration = shipped.calibration
    assert calibration is not None
    anomalous = inspections.scores > calibration.at_rate(0.01).score
    deciles = np.percentile(inspections.percentiles, range(10, 100, 10))

    assert 0.001 <= anomalous.mean() <= 0.02
    assert deciles == pytest.approx(range(10, 100, 10), abs=5)


def test_noise_and_turned_digits_are_anomalous(
    shipped: OnnxAutoencoder,
    test_digits: LabelledImages,
    random: np.random.Generator,
) -> None:
    """All noise, and more than half of the digits that are turned by 90 degrees."""
    noise = random.integers(0, 256, (20, 1, 28, 28), dtype=np.uint8)
    turned = np.rot90(test_digits.images.numpy(), axes=(2, 3)).copy()

    assert inspections_of(shipped, noise).percentiles.tolist() == [100.0] * 20
    assert np.mean(inspections_of(shipped, turned).percentiles > 99) > 0.5


def test_a_test_inference_checks_the_map() -> None:
    """Its shape must be that of the images, and its numbers finite."""

    class Wide(FakeAutoencoder):
        def map_anomalies(
            self, pairs: np.ndarray[tuple[int, ...], np.dtype[np.float32]]
        ) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
            return pairs[:, 0, :, :1]

    with pytest.raises(InferenceError, match=r"returned map of shape \(2, 2, 1\)"):
        check_inference(Wide())
    check_inference(Wide(calibration=None))
