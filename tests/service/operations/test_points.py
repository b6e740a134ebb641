"""Points of the latent space in requests: images, latents and labels."""

import numpy as np
import pytest

from service.imaging.codec import ImageCodec, ImageLimits
from service.operations.arithmetic import ArithmeticRequest
from service.operations.base import Request
from service.operations.interpolate import InterpolateRequest
from service.operations.traverse import TraverseRequest
from tests.samples import (
    FIRST,
    INK,
    INK_PREPROCESSING,
    NO_PREPROCESSING,
    SECOND,
    SMALL_INK,
    png,
)
from tests.service.conftest import Client, Json
from tests.service.operations.conftest import LIMITS, SHAPE

CODEC = ImageCodec(SHAPE, ImageLimits(max_bytes=1000, max_pixels=1000))
LARGE = png(INK)


def test_points_of_all_forms_are_resolved_in_order(client: Client) -> None:
    """A label is the mean of its class, whose Gaussians count by their weights."""
    waypoints = [
        {"label": 3},
        {"image": SECOND},
        {"label": 0},
        {"latent": [0.5] * 6},
        {"image": FIRST},
    ]
    response = client.operate("/interpolate", waypoints=waypoints, steps=2)

    first, second = np.arange(6) / 255, np.arange(250, 256) / 255
    expected = np.array([[0.75] * 6, second, [0.25] * 6, [0.5] * 6, first])
    assert np.array(response["latents"]) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("path", "request_type", "body"),
    [
        (
            "/interpolate",
            InterpolateRequest,
            {"waypoints": [{"image": LARGE}, {"label": 3}], "steps": 2},
        ),
        (
            "/arithmetic",
            ArithmeticRequest,
            {"terms": [{"weight": 1, "image": LARGE}, {"weight": 1, "label": 1}]},
        ),
        ("/traverse", TraverseRequest, {"start": {"image": LARGE}, "dimensions": 0}),
    ],
)
def test_an_image_of_another_size_is_preprocessed(
    ink_client: Client, path: str, request_type: type[Request], body: Json
) -> None:
    """The response says so if requested. Such images are decoded in a thread."""
    (fitted,) = ink_client.operate(path, **body, explain=True)["fitted"]
    request = request_type.model_validate(body, context=LIMITS)

    assert fitted["inverted"]
    assert not CODEC.are_plain(request.image_contents())
    assert "fitted" not in ink_client.operate(path, **body)


def test_only_images_have_a_preprocessing(ink_client: Client) -> None:
    """An end that is a latent has no entry."""
    latent = {"latent": [0] * 6}
    first, large = {"image": SMALL_INK}, {"image": LARGE}
    path = "/interpolate"
    one = ink_client.operate(path, start=latent, end=large, explain=True)["fitted"]
    two = ink_client.operate(path, start=first, end=large, explain=True)["fitted"]

    assert one == [INK_PREPROCESSING]
    assert two == [NO_PREPROCESSING, INK_PREPROCESSING]


def test_an_invalid_image_is_named_by_its_point(client: Client) -> None:
    """The pointer leads to the image among the points."""
    body = {"start": {"latent": [0] * 6}, "end": {"image": LARGE}, "fit": "none"}
    problem = client.invalid("/interpolate", json=body)

    assert problem["errors"][0]["pointer"] == "#/end/image"
