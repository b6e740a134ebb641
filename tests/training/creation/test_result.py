"""The last lines of `create` say how good the model is."""

from training.artifact.model_card import Card
from training.creation.result import JITTER_HINT, describe_result

ERRORS = {"squared_error_per_pixel": 0.012345}
DETECTION = {
    "images_by_defect": {"scratch": 40, "hole": 50},
    "recall": {
        "0.01": {"scratch": 0.975, "hole": 1.0},
        "0.05": {"scratch": 1.0, "hole": 1.0},
    },
    "false_alarms": {"0.01": 0.02, "0.05": 0.06},
}


def inspecting_card(quality: Card, *, jitter: bool) -> Card:
    """Return the card of a model that has tested the detection of defects."""
    inspection = {"false_alarm_rate": 0.01, "quality": quality}
    training = {"jitter": jitter}
    return {"quality": ERRORS, "inspection": inspection, "training": training}


def test_defects_are_counted_at_the_default_rate() -> None:
    """The false alarms are those that were measured."""
    found = "found 89 of 90 defects, with 2.0 % false alarms on good pictures"

    assert describe_result(inspecting_card(DETECTION, jitter=True)) == found


def test_missed_defects_recommend_jitter() -> None:
    """Only if it was not used, and not if all were found."""
    all_found = DETECTION | {"recall": {"0.01": {"scratch": 1.0, "hole": 1.0}}}
    missed = describe_result(inspecting_card(DETECTION, jitter=False))
    none_missed = describe_result(inspecting_card(all_found, jitter=False))

    assert missed.splitlines()[1:] == [JITTER_HINT]
    assert JITTER_HINT not in none_missed


def test_without_defects_it_is_the_squared_error() -> None:
    """The linear model's follows, if there is one."""
    linear = {"squared_error_per_pixel": 0.02}
    unmeasured = {"false_alarm_rate": 0.01, "quality": None}
    card = {"quality": ERRORS, "inspection": unmeasured}
    compared = {"quality": ERRORS | {"linear": linear}}

    assert describe_result(card) == "squared error per pixel: 0.01235"
    assert describe_result(compared) == (
        "squared error per pixel: 0.01235; of the linear model: 0.02000"
    )
