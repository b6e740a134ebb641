"""Thresholds keep their rates, and surprisals compare scores of different units."""

import math
from dataclasses import replace

import numpy as np
import pytest

from service.model.calibration import (
    Calibration,
    ScoreTail,
    images_needed,
    place_of,
)
from service.model.card import Inspection, InspectionPart, ModelCard
from service.model.errors import ModelLoadError
from service.model.noise import Doubles
from service.model.statistics import LatentStatistics
from tests.color_model import DECILES
from tests.samples import fake_card, fake_statistics
from training.inspection.surprisal import joined_scores


def calibration_of(
    scores: Doubles,
    parts: tuple[InspectionPart, ...] = ("map",),
    weights: tuple[float, ...] = (1.0,),
) -> Calibration:
    """Return the calibration by scores (parts, images)."""
    inspection = Inspection(
        parts=list(parts),
        weights=list(weights),
        images=scores.shape[1],
        false_alarm_rate=0.5,
        threshold=0,
        brightness_deciles=DECILES,
    )
    return Calibration.from_scores(inspection, scores)


def several_parts(random: np.random.Generator, images: int) -> Calibration:
    """Return the calibration of three parts in different units."""
    scores = random.exponential(size=(3, images)) * [[1], [50], [1000]]
    return calibration_of(scores, ("map", "latent", "likelihood"), (0.1, 0.5, 1))


@pytest.mark.parametrize(
    ("rate", "images", "place"),
    [(0.01, 99, 1), (0.01, 98, 0), (0.07, 99, 7), (0.29, 99, 29), (0.05, 100, 5)],
)
def test_the_threshold_is_the_kth_largest_score(
    rate: float, images: int, place: int
) -> None:
    """K = floor(rate (N + 1)), for the decimal number that was asked for."""
    assert place_of(rate, images) == place


@pytest.mark.parametrize("rate", [0.5, 0.07, 0.01, 0.003, 1e-6])
def test_one_image_less_than_needed_cannot_carry_a_rate(rate: float) -> None:
    """The number that a message names is the smallest that can."""
    needed = images_needed(rate)

    assert place_of(rate, needed) == 1
    assert place_of(rate, needed - 1) == 0


def test_a_single_part_is_the_score_and_the_pixel_threshold(
    random: np.random.Generator,
) -> None:
    """A pixel is above its threshold exactly where the image is anomalous."""
    scores = random.random((1, 99))
    calibration = calibration_of(scores)
    thresholds = calibration.at_rate(0.05)

    assert np.array_equal(calibration.judge(scores).scores, scores[0])
    assert thresholds.score == thresholds.pixel == np.sort(scores[0])[-5]
    assert calibration.judge(scores).reasons == ["map"] * 99


def test_new_images_exceed_the_threshold_at_its_rate(
    random: np.random.Generator,
) -> None:
    """On average over calibrations, with one part and with three."""
    for parts in (1, 3):
        rates = []
        for _ in range(200):
            if parts == 1:
                calibration = calibration_of(random.random((1, 199)))
                new = random.random((1, 500))
            else:
                calibration = several_parts(random, 199)
                new = random.exponential(size=(3, 500)) * [[1], [50], [1000]]
            threshold = calibration.at_rate(0.05).score
            rates.append(np.mean(calibration.judge(new).scores > threshold))

        assert np.mean(rates) == pytest.approx(0.05, abs=0.005)


def test_a_given_threshold_has_the_rate_that_it_is_calibrated_for(
    random: np.random.Generator,
) -> None:
    """Between two scores, the rate of the upper one; outside, the extreme rates."""
    calibration = calibration_of(random.random((1, 99)))
    at_rate = calibration.at_rate(0.05)
    score = at_rate.score

    assert calibration.at_score(score) == at_rate
    assert calibration.at_score(np.nextafter(score, 2)).rate == at_rate.rate
    assert calibration.at_score(np.nextafter(score, 0)).rate > at_rate.rate
    assert calibration.at_score(2).rate == 0.01
    assert calibration.at_score(-1).rate == 1


def test_percentiles_are_shares_of_lower_scores() -> None:
    """From 0 to 100, of the calibration's images."""
    calibration = calibration_of(np.array([[3.0, 1, 2, 4]]))
    scores = np.array([0, 1, 1.5, 4, 5])

    assert calibration.percentiles(scores).tolist() == [0, 0, 25, 75, 100]


def test_surprisals_are_ranks_and_go_on_beyond_them() -> None:
    """Within, the logarithm of the share as large; beyond, linear in the excess."""
    tail = ScoreTail.of(np.arange(1.0, 201))
    within = tail.surprisals(np.array([0.5, 1, 101, 191]))
    beyond = tail.surprisals(np.array([191, 195.5, 200, 1000]))

    expected = [201 / 201, 201 / 201, 101 / 201, 11 / 201]
    assert within == pytest.approx(-np.log(expected))
    assert np.diff(beyond) == pytest.approx([1, 1, 800 / 4.5])


def test_surprisals_never_fall(random: np.random.Generator) -> None:
    """A larger score is no less surprising, also if calibration scores are equal."""
    for calibration in (random.random(50), np.ones(50), np.arange(3.0)):
        ascending = np.sort(calibration)
        scores = np.sort(np.concatenate([ascending, np.linspace(-1, 60, 500)]))
        surprisals = ScoreTail.of(ascending).surprisals(scores)

        assert np.isfinite(surprisals).all()
        assert (np.diff(surprisals) >= -1e-12).all()


@pytest.mark.parametrize("surprisal", [0.01, 0.5, 2, 3.5, 5, 12])
def test_the_largest_score_inverts_the_surprisal(
    random: np.random.Generator, surprisal: float
) -> None:
    """It is not more surprising than asked for, and any larger score is."""
    tail = ScoreTail.of(np.sort(random.exponential(size=300)))
    largest = tail.largest_score(surprisal)
    pair = tail.surprisals(np.array([largest, largest + 1e-9]))

    assert pair[0] <= surprisal + 1e-12
    assert pair[1] > surprisal


def test_with_several_parts_the_most_surprising_is_the_reason(
    random: np.random.Generator,
) -> None:
    """An extreme score of any part makes an image anomalous, whatever its unit."""
    calibration = several_parts(random, 500)
    usual = np.median(calibration.scores, axis=1, keepdims=True).repeat(4, axis=1)
    extreme = usual.copy()
    for part in range(3):
        extreme[part, part] *= 1000
    scores = calibration.judge(extreme).scores
    threshold = calibration.at_rate(0.01).score

    assert (scores > threshold).tolist() == [True, True, True, False]
    assert calibration.judge(extreme).reasons[:3] == ["map", "latent", "likelihood"]


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5, 0.9])
def test_a_map_above_the_pixel_threshold_makes_an_image_anomalous(
    random: np.random.Generator, rate: float
) -> None:
    """So that nothing of an image without an anomaly shows in its map."""
    calibration = several_parts(random, 400)
    thresholds = calibration.at_rate(rate)
    images = random.exponential(size=(3, 5000)) * [[1], [50], [1000]]
    anomalous = calibration.judge(images).scores > thresholds.score
    above = images[0] > thresholds.pixel
    by_map = np.array(calibration.judge(images).reasons) == "map"

    assert anomalous[above].all()
    assert np.array_equal(above & by_map, anomalous & by_map)
    assert (thresholds.pixel > 0) or rate > 0.5


def test_scores_are_joined_as_in_training(random: np.random.Generator) -> None:
    """To the bit, also for scores that the calibration has."""
    calibration = several_parts(random, 200)
    new = random.exponential(size=(3, 300)) * [[5], [250], [5000]]
    scores = np.concatenate([calibration.scores, new], axis=1)
    expected = joined_scores(calibration.scores, scores, (0.1, 0.5, 1))

    assert np.array_equal(calibration.judge(scores).scores, expected)


def test_surprisals_beyond_all_scores_are_finite() -> None:
    """Also of very large scores, and where the tail has no excess."""
    tail = ScoreTail.of(np.zeros(20))

    assert math.isfinite(float(tail.surprisals(np.array([1e6]))[0]))


def inspecting_card(**fields: object) -> ModelCard:
    """Return a card of a model that is calibrated on 99 images."""
    card = fake_card()
    inspection = {
        "parts": ["map"],
        "weights": [1.0],
        "images": 99,
        "false_alarm_rate": 0.01,
        "threshold": 1.0,
        "brightness_deciles": DECILES,
    }
    graphs = card.graphs.model_copy(update={"inspector": card.graphs.encoder})
    update = {
        "inspection": Inspection.model_validate(inspection | fields),
        "graphs": graphs,
    }
    return card.model_copy(update=update)


def with_scores(parts: int, images: int) -> LatentStatistics:
    """Return statistics with scores of this shape."""
    arrays = vars(fake_statistics()) | {"inspection_scores": np.ones((parts, images))}
    return LatentStatistics(**arrays)


def test_brightness_has_the_upper_end_of_its_tenth() -> None:
    """A decile itself is in the lower one. Without deciles there are none."""
    calibration = calibration_of(np.ones((1, 99)))
    brightness = [0, 0.25, 0.5, 0.5625, 0.9375, 1]
    pixels = np.ones((6, 3, 4, 4), np.float32) * np.reshape(brightness, (-1, 1, 1, 1))
    unknown = replace(calibration, brightness_deciles=())

    assert calibration.brightness_percentiles(pixels) == [10, 30, 50, 60, 100, 100]
    assert unknown.brightness_percentiles(pixels) == ()


def test_a_model_without_an_inspector_or_a_calibration_cannot_inspect() -> None:
    """Older cards have neither."""
    card = inspecting_card()
    no_graph = card.model_copy(update={"graphs": fake_card().graphs})
    no_calibration = card.model_copy(update={"inspection": None})

    assert Calibration.of(card, with_scores(1, 99)) is not None
    assert Calibration.of(fake_card(), fake_statistics()) is None
    assert Calibration.of(no_graph, with_scores(1, 99)) is None
    assert Calibration.of(no_calibration, with_scores(1, 99)) is None


@pytest.mark.parametrize(
    ("fields", "shape", "message"),
    [
        ({}, (1, 98), r"inspection_scores has the shape \(1, 98\); .* \(1, 99\)"),
        ({}, (0, 0), r"has the shape \(0, 0\)"),
        ({"images": 98}, (1, 98), "98 images cannot carry the false-alarm rate 0.01"),
    ],
)
def test_scores_that_are_not_the_cards_are_rejected(
    fields: dict[str, object], shape: tuple[int, int], message: str
) -> None:
    """When the model is loaded, in one line."""
    with pytest.raises(ModelLoadError, match=message):
        Calibration.of(inspecting_card(**fields), with_scores(*shape))


@pytest.mark.parametrize(
    "fields",
    [
        {"parts": ["latent"]},
        {"parts": ["map", "map"], "weights": [1, 1]},
        {"weights": [1, 1]},
        {"weights": [0]},
        {"parts": ["elbo"]},
        {"false_alarm_rate": 0},
        {"brightness_deciles": DECILES[::-1]},
        {"brightness_deciles": DECILES[1:]},
        {"brightness_deciles": [*DECILES[:8], 1.1]},
    ],
)
def test_a_card_of_another_calibration_is_rejected(fields: dict[str, object]) -> None:
    """Each part has a weight, one is the map, and nine deciles ascend up to 1."""
    with pytest.raises(ValueError, match="validation error"):
        inspecting_card(**fields)
