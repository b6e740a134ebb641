"""Only images of known classes are measured, and no more than fit the memory."""

from dataclasses import replace

import pytest
import torch

from tests.training.shapes import shape_data
from training.data.errors import DataError
from training.data.images import LabelledImages
from training.evaluation import data_set_quality
from training.evaluation.classifier_training import random_features
from training.evaluation.data_set_quality import measurable_images


def test_classes_without_training_images_are_left_out() -> None:
    """They are the defects of a data set with a normal class."""
    data = shape_data()
    good = data.train.labels == 0
    normal = data.train.select(good.nonzero().squeeze(1))
    test = measurable_images(replace(data, train=normal))

    assert len(test) == 40
    assert test.labels.unique().tolist() == [0]


def test_no_image_of_a_known_class_is_an_error() -> None:
    """The message names the data set and the number."""
    data = shape_data()
    unknown = LabelledImages(data.test.images, torch.full_like(data.test.labels, 7))
    with pytest.raises(DataError, match=r"evaluation needs at least 2 .* found 0"):
        measurable_images(replace(data, test=unknown))


@pytest.mark.parametrize(
    ("limit", "value"), [("MAX_TEST_VALUES", 50 * 3 * 32 * 32), ("MAX_TEST_IMAGES", 50)]
)
def test_a_large_test_set_is_represented_by_random_images(
    monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    """They and their pixels stay within the limits; all classes are among them."""
    monkeypatch.setattr(data_set_quality, limit, value)
    test = measurable_images(shape_data())

    assert len(test) == 50
    assert test.labels.unique().tolist() == [0, 1, 2]


def test_random_features_are_repeatable_and_differ_between_images() -> None:
    """Each of the 128 is of one scale, though no weight was trained."""
    images = shape_data().train
    first, again = random_features(images), random_features(images)
    pixels = images.pixels()
    with torch.inference_mode():
        features = first.body(pixels)
        assert torch.equal(features, again.body(pixels))

    assert features.shape == (240, 128)
    assert features.std(dim=0).max() > 0.1
