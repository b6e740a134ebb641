"""The time of an image is measured."""

from training.artifact.exported_model import ExportedModel
from training.evaluation.cost import milliseconds_per_image


def test_the_time_of_an_image_is_plausible(model: ExportedModel) -> None:
    """More than a microsecond and less than a tenth of a second, with two digits."""
    milliseconds = milliseconds_per_image(model)

    assert 0.001 < milliseconds < 100
    assert milliseconds == float(f"{milliseconds:.2g}")
