"""The last lines of `create` say how good the model is."""

from training.creation.result import describe_result

ERRORS = {"squared_error_per_pixel": 0.012345}
DETECTION = {
    "images_by_defect": {"scratch": 40, "hole": 50},
    "recall": {
        "0.01": {"scratch": 0.975, "hole": 1.0},
        "0.05": {"scratch": 1.0, "hole": 1.0},
    },
    "false_alarms": {"0.01": 0.02, "0.05": 0.06},
}


def test_defects_are_counted_at_the_default_rate() -> None:
    """The false alarms are those that were measured."""
    inspection = {"false_alarm_rate": 0.01, "quality": DETECTION}
    card = {"quality": ERRORS, "inspection": inspection}

    assert describe_result(card) == (
        "found 89 of 90 defects, with 2.0 % false alarms on good pictures"
    )


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
