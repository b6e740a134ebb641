"""The inspector that is exported with a model."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from training.artifact.exported_model import ExportedModel, Floats, open_session
from training.artifact.inference import decode, encode, posterior_means
from training.artifact.latent_statistics import read_statistics
from training.artifact.onnx_graphs import inspector_graph
from training.artifact.parity import map_difference
from training.data.data_set import DataSet
from training.data.images import LabelledImages
from training.inspection.anomaly_map import AnomalyMap, fit_anomaly_map
from training.inspection.inspector import (
    INK_WEIGHTS,
    brightness_deciles,
    fit_inspector,
)
from training.inspection.surprisal import joined_scores

SHAPES = [(1, 28, 28), (3, 64, 64), (1, 32, 48)]


def random_map(
    shape: tuple[int, int, int],
) -> tuple[AnomalyMap, torch.Tensor, torch.Tensor]:
    """Return a map fitted to random images, and pixels with their reconstructions."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.rand(70, *shape, generator=generator)
    noise = 0.1 * torch.randn(pixels.shape, generator=generator)
    reconstructions = (pixels + noise).clamp(0, 1)
    return fit_anomaly_map(pixels, reconstructions), pixels, reconstructions


def run(graph: onnx.ModelProto, pixels: Floats, reconstruction: Floats) -> Floats:
    """Return the maps that a graph computes."""
    session = open_session(graph.SerializeToString())
    inputs = {"pixels": pixels, "reconstruction": reconstruction}
    maps: Floats
    (maps,) = session.run(["map"], inputs)
    return maps


@pytest.mark.parametrize("shape", SHAPES)
def test_the_graph_is_the_map(shape: tuple[int, int, int]) -> None:
    """The largest difference is 1e-5 of a value, in colour and of any shape."""
    anomaly_map, pixels, reconstruction = random_map(shape)
    graph = inspector_graph(anomaly_map)
    onnx.checker.check_model(graph, full_check=True)

    assert map_difference(anomaly_map, graph, pixels, reconstruction) <= 1e-5


@pytest.mark.parametrize("shape", SHAPES)
def test_a_graphs_map_is_the_same_in_any_batch(shape: tuple[int, int, int]) -> None:
    """To the bit."""
    anomaly_map, *images = random_map(shape)
    pixels, reconstruction = (part.numpy() for part in images)
    graph = inspector_graph(anomaly_map)
    together = run(graph, pixels, reconstruction)

    for size in (1, 3, 64):
        part = run(graph, pixels[:size], reconstruction[:size])
        assert np.array_equal(part, together[:size])


def test_brightness_deciles_are_of_whole_images() -> None:
    """The mean over channels and places, in [0, 1]."""
    levels = torch.arange(101, dtype=torch.uint8).reshape(-1, 1, 1, 1)
    images = torch.cat([levels, levels + 100], dim=1).expand(-1, -1, 4, 6)
    labelled = LabelledImages(images, torch.zeros(101, dtype=torch.int64))
    expected = (np.arange(10, 100, 10) + 50) / 255

    assert brightness_deciles(labelled) == pytest.approx(expected)


def test_the_exported_scores_are_those_of_the_exported_graphs(
    model: ExportedModel, digits: DataSet
) -> None:
    """The calibration images' scores follow from the files alone."""
    statistics = read_statistics(model)
    graph = onnx.load(model.folder / "inspector.onnx")
    pixels = digits.calibration.pixels()
    mean, _ = encode(model, pixels)
    maps = run(graph, pixels.numpy(), decode(model, mean).numpy())
    latent = -statistics.class_log_densities(mean).logsumexp(dim=1)

    assert statistics.inspection_scores is not None
    of_map, of_latent, _ = statistics.inspection_scores
    np.testing.assert_allclose(of_map, maps.max(axis=(1, 2)), rtol=1e-4)
    np.testing.assert_allclose(of_latent, latent, rtol=1e-4)


def test_the_card_has_the_threshold(exported: Path) -> None:
    """Of 500 images and 1 % it is the fifth largest score."""
    card = json.loads((exported / "model.json").read_text())["inspection"]
    statistics = read_statistics(ExportedModel(exported))
    scores = statistics.inspection_scores
    assert scores is not None
    joined = joined_scores(scores, scores, card["weights"])

    assert card["parts"] == list(INK_WEIGHTS)
    assert (card["images"], card["false_alarm_rate"]) == (500, 0.01)
    assert (joined > card["threshold"]).sum() == 4
    low, high = card["interval"]
    assert low < 0.01 < high
    assert (card["group"], card["quality"]) == (None, None)


def test_a_few_images_carry_a_higher_rate(
    model: ExportedModel, digits: DataSet
) -> None:
    """Of 40, one in 41 is above: 0.025 is the rate of the card."""
    statistics = read_statistics(model)
    few = digits.calibration.first(40)
    data = replace(digits, calibration=few, group="lot")

    card = fit_inspector(model, statistics, digits.train, data).to_card(data.group)

    assert (card["images"], card["false_alarm_rate"]) == (40, 0.025)
    assert card["group"] == "lot"


def test_the_map_is_fitted_to_training_images(
    model: ExportedModel, digits: DataSet
) -> None:
    """The deviation is that of their residuals; of ink, whatever the brightness."""
    latents = posterior_means(model, digits.train)
    expected = fit_anomaly_map(
        digits.train.pixels(), decode(model, latents), relative=False
    )
    statistics = read_statistics(model)

    inspector = fit_inspector(model, statistics, digits.train, digits)

    assert torch.equal(inspector.anomaly_map.deviation, expected.deviation)


@pytest.mark.parametrize("classes", [1, 2])
def test_residuals_are_relative_to_the_brightness_of_one_kind_of_thing(
    model: ExportedModel, digits: DataSet, classes: int
) -> None:
    """Of several kinds, one may be brighter than another in the same light."""
    data = replace(digits, format=replace(digits.format, fit="stretch"))
    train = replace(digits.train, labels=digits.train.labels % classes)

    inspector = fit_inspector(model, read_statistics(model), train, data)

    assert inspector.anomaly_map.residuals.relative == (classes == 1)
    assert (inspector.brightness_deciles is not None) == (classes == 1)
