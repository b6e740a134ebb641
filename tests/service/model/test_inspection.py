"""Inspections of images by the fake model, whose maps are the images."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from service.model.autoencoder import Backend, Pixels, check_inference
from service.model.calibration import Calibration
from service.model.card import Inspection, InspectionPart
from service.model.errors import InferenceError, NoInspectorError
from service.model.inspection import Inspections, inspect
from service.model.score import reconstruction_loss
from tests.models import UnbatchedAutoencoder
from tests.samples import HEIGHT, WIDTH, FakeAutoencoder

PARTS: tuple[InspectionPart, ...] = ("map", "latent", "likelihood")
IMAGES = np.arange(0, 240, 10, dtype=np.uint8).reshape(4, 1, HEIGHT, WIDTH)


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
