"""POST /inspect, with a fake model whose anomaly maps are the images.

Its calibration's maps have the largest values 0.01 to 0.99, and its rate is 10 %.
"""

import base64
import io
from dataclasses import replace
from math import isqrt

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from service.app import create_app
from service.imaging.pixels import ImageShape
from service.operations.inspect import InspectRequest
from service.settings import Settings
from tests.samples import FIRST, SECOND, FakeAutoencoder, grey_png, pixels_of
from tests.service.conftest import Client, Json
from tests.service.operations.conftest import LIMITS

# The largest value is 0.9: the 10th largest of the calibration's scores is 0.9.
LEVELS = [[0, 51, 102], [229, 0, 230]]
BRIGHT = grey_png(LEVELS)
DARK = grey_png([[0, 51, 102], [0, 0, 100]])


def inspection_of(client: Client, image: str, **fields: object) -> Json:
    """Return the inspection of one image."""
    (inspection,) = client.operate("/inspect", images=[image], **fields)["inspections"]
    found: Json = inspection
    return found


def test_the_response_has_an_inspection_of_each_image(client: Client) -> None:
    """They are in the request's order, by the rate in the card."""
    response = client.operate("/inspect", images=[BRIGHT, DARK])
    bright, dark = response["inspections"]

    assert response["threshold"] == response["pixel_threshold"] == 0.9
    assert response["false_alarm_rate"] == 0.1
    assert response.keys() == {
        "threshold",
        "pixel_threshold",
        "false_alarm_rate",
        "inspections",
    }
    assert bright["anomalous"] is True
    assert bright["score"] == pytest.approx(230 / 255)
    assert bright["percentile"] == pytest.approx(100 * 90 / 99)
    assert bright["reason"] == dark["reason"] == "map"
    assert bright["regions"] == [{"box": [2, 1, 3, 2], "peak": bright["score"]}]
    assert dark["anomalous"] is False
    assert dark["regions"] == []


def test_a_map_is_a_png_whose_128_is_the_threshold(client: Client) -> None:
    """Levels above 128 are those of anomalous pixels."""
    inspection = inspection_of(client, BRIGHT, threshold=0.5)
    levels = pixels_of(inspection["map"])
    expected = 128 * np.array(LEVELS) / 255 / 0.5

    assert np.abs(levels - expected.clip(max=255)).max() <= 0.5
    assert np.array_equal(levels > 128, np.array(LEVELS) > 127.5)


def test_maps_may_be_float32(client: Client) -> None:
    """Little-endian, row by row, of the model's size."""
    inspection = inspection_of(client, BRIGHT, encoding="float32", scale=2)
    content = base64.b64decode(inspection["map"])
    values = np.frombuffer(content, "<f4").reshape(2, 3)

    assert np.array_equal(values, np.array(LEVELS, np.float32) / np.float32(255))


def test_maps_may_be_left_out_and_enlarged(client: Client) -> None:
    """The scale is that of pictures; boxes are in the model's pixels."""
    large = inspection_of(client, BRIGHT, scale=2)

    assert "map" not in inspection_of(client, BRIGHT, maps=False)
    assert pixels_of(large["map"]).shape == (4, 6)
    assert large["regions"][0]["box"] == [2, 1, 3, 2]


@pytest.mark.parametrize(
    ("fields", "threshold", "rate"),
    [
        ({"false_alarm_rate": 0.01}, 0.99, 0.01),
        ({"false_alarm_rate": 0.05}, 0.95, 0.05),
        ({"threshold": 0.95}, 0.95, 0.05),
        ({"threshold": 2}, 2, 0.01),
    ],
)
def test_a_request_may_have_a_threshold_of_its_own(
    client: Client, fields: Json, threshold: float, rate: float
) -> None:
    """By its false-alarm rate, or by the score."""
    response = client.operate("/inspect", images=[FIRST], **fields)

    assert response["threshold"] == response["pixel_threshold"] == threshold
    assert response["false_alarm_rate"] == rate


@pytest.mark.parametrize(
    ("fields", "pointer", "detail"),
    [
        (
            {"false_alarm_rate": 0.001},
            "#/false_alarm_rate",
            "0.001 needs 999 calibration images; the model has 99",
        ),
        (
            {"false_alarm_rate": 0.05, "threshold": 1},
            "#/threshold",
            "must be absent if a rate is given",
        ),
        ({"false_alarm_rate": 0}, "#/false_alarm_rate", "greater than 0"),
        ({"false_alarm_rate": 1}, "#/false_alarm_rate", "less than 1"),
        ({"threshold": "1"}, "#/threshold", "valid number"),
        ({"encoding": "base64"}, "#/encoding", "'png' or 'float32'"),
        ({"maps": 1}, "#/maps", "valid boolean"),
    ],
)
def test_an_invalid_field_is_named(
    client: Client, fields: Json, pointer: str, detail: str
) -> None:
    """With the number of images that a rate would need."""
    problem = client.invalid("/inspect", json={"images": [FIRST]} | fields)
    (error,) = problem["errors"]

    assert error["pointer"] == pointer
    assert detail in error["detail"]


def test_an_image_may_be_sent_without_json(client: Client) -> None:
    """Fields are in the query or the form, rates as decimal numbers."""
    content = base64.b64decode(BRIGHT)
    query = "/inspect?false_alarm_rate=0.05&maps=false"
    by_query = client.send(query, content, "image/png").json()
    files = [("images", ("a.png", content, "image/png"))]
    fields = {"threshold": "9.5e-1", "maps": "no"}
    by_form = client.request("POST", "/inspect", files=files, data=fields).json()

    assert by_query == by_form
    assert by_query["threshold"] == 0.95


def test_all_images_are_computed_in_one_call_of_each_graph(
    client: Client, autoencoder: FakeAutoencoder
) -> None:
    """Three images are one batch."""
    autoencoder.batches.clear()
    client.operate("/inspect", images=[FIRST, SECOND, FIRST])

    assert autoencoder.batches == [3, 3, 3]


def test_the_preprocessing_is_described_if_requested(client: Client) -> None:
    """The option is that of the other operations."""
    response = client.operate("/inspect", images=[FIRST], explain=True, fit="none")

    assert len(response["fitted"]) == 1


def picture_of(client: Client, images: list[str]) -> Image.Image:
    """Return the picture of inspections."""
    body = {"images": images, "scale": 2}
    headers = {"Accept": "image/png"}
    response = client.request("POST", "/inspect", json=body, headers=headers)
    assert response.headers["content-type"] == "image/png"
    return Image.open(io.BytesIO(response.content))


def test_a_picture_has_color_over_anomalous_pixels_only(client: Client) -> None:
    """An image that is not anomalous is shown as it is; several are side by side."""
    picture = picture_of(client, [BRIGHT, DARK])
    pixels = np.asarray(picture)[::2, ::2]
    is_grey = (pixels == pixels[..., :1]).all(axis=2)

    assert picture.mode == "RGB"
    assert picture.size == (12, 4)
    assert np.argwhere(~is_grey).tolist() == [[1, 2]]
    assert np.array_equal(pixels[:, 3:, 0], pixels_of(DARK))


def test_the_scale_is_limited_for_a_picture_in_color() -> None:
    """It has three bytes a pixel, also if the model's images are grey."""
    shape = ImageShape(1, 128, 128)
    limits = replace(LIMITS, image_shape=shape)
    fields = {"images": [FIRST] * 250}
    largest = isqrt(64_000_000 // (3 * 128 * 128 * 250))
    InspectRequest.model_validate(fields | {"scale": largest}, context=limits)

    with pytest.raises(ValidationError, match=f"must be 1 to {largest} for 250 images"):
        InspectRequest.model_validate(fields | {"scale": largest + 1}, context=limits)


def test_a_model_without_an_inspector_has_no_such_path(
    settings: Settings, autoencoder: FakeAutoencoder
) -> None:
    """The problem says why; the schema does not have the path."""
    client = Client(create_app(settings, replace(autoencoder, calibration=None)))
    body = {"images": [FIRST]}
    problem = client.problem(404, "not-found", "POST", "/inspect", json=body)

    assert problem["detail"] == "the model has no inspector"
    for path in ("/openapi.json", "/docs/openapi.json"):
        assert "/inspect" not in client.get(path).json()["paths"]
