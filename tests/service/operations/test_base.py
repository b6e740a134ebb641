"""Parts that several operations share: preprocessing, samples, scale, image count."""

import base64
from typing import Any

import pytest

from service.operations.arithmetic import ArithmeticRequest
from service.operations.base import Request
from service.operations.encode import EncodeRequest
from service.operations.generate import GenerateRequest
from service.operations.interpolate import InterpolateRequest
from service.operations.reconstruct import ReconstructRequest
from service.operations.traverse import TraverseRequest
from tests.samples import (
    FIRST,
    INK,
    INK_PREPROCESSING,
    NO_PREPROCESSING,
    SECOND,
    SMALL_INK,
    full_queue,
    pixels_of,
    png,
)
from tests.service.conftest import Client, Json
from tests.service.openapi.test_schema import OPERATIONS
from tests.service.operations.conftest import LIMITS

LARGE = png(INK)
POINT = {"label": 0}
TERM = {"label": 0, "weight": 1}
ENDS = {"start": POINT, "end": POINT}


@pytest.mark.parametrize("path", ["/encode", "/reconstruct"])
def test_the_preprocessing_is_described_if_requested(
    ink_client: Client, path: str
) -> None:
    """Descriptions are in the images' order; by default there are none."""
    images = [SMALL_INK, LARGE]
    default = ink_client.operate(path, images=images)
    explicit = ink_client.operate(path, images=images, fit="auto", explain=False)
    explained = ink_client.operate(path, images=images, explain=True)

    assert explained == {**default, "fitted": [NO_PREPROCESSING, INK_PREPROCESSING]}
    assert explicit == default


def test_fit_selects_the_preprocessing(ink_client: Client) -> None:
    """The ink is cropped and inverted by auto, and neither by resize."""
    path = "/reconstruct"
    (auto,) = ink_client.operate(path, images=[LARGE], fit="auto")["images"]
    (resized,) = ink_client.operate(path, images=[LARGE], fit="resize")["images"]

    assert pixels_of(auto).tolist() == [[0, 0, 0], [0, 255, 255]]
    assert pixels_of(resized).min() > 0


def test_by_default_a_seed_is_chosen_for_samples(client: Client) -> None:
    """The seed is in the response, and reproduces it; without sample there is none."""
    path = "/reconstruct"
    first = client.operate(path, images=[FIRST], sample=True)
    second = client.operate(path, images=[FIRST], sample=True)

    assert first["seed"] != second["seed"]
    seed = first["seed"]
    assert client.operate(path, images=[FIRST], sample=True, seed=seed) == first
    assert list(client.operate(path, images=[FIRST])) == ["images"]
    assert list(client.operate(path, images=[FIRST], sample=False)) == ["images"]


def test_samples_of_an_image_without_json(client: Client) -> None:
    """The options are in the query."""
    content = base64.b64decode(FIRST)
    query = "sample=true&samples=3&seed=5"
    response = client.send(f"/reconstruct?{query}", content, "image/png").json()

    options = {"sample": True, "samples": 3, "seed": 5}
    assert response == client.operate("/reconstruct", images=[FIRST], **options)
    assert len(response["images"]) == 3


@pytest.mark.parametrize(
    ("path", "body", "max_scale"),
    [
        ("/reconstruct", {"images": [FIRST]}, 13),  # 16 x 12 / 13 / 13 > 1
        ("/reconstruct", {"images": [FIRST] * 12}, 4),
        ("/decode", {"latents": [[0] * 6] * 3}, 8),
        (
            "/interpolate",
            {"start": {"image": FIRST}, "end": {"image": SECOND}, "steps": 12},
            4,
        ),
        (
            "/interpolate",
            {"start": {"image": FIRST}, "end": {"image": SECOND}, "steps": 12.0},
            4,
        ),
        ("/generate", {"label": [1, 0, 3], "seed": 1}, 8),
    ],
)
def test_the_largest_scale_depends_on_the_number_of_images(
    client: Client, path: str, body: Json, max_scale: int
) -> None:
    """The output has at most 16 pixels for each pixel of 12 images."""
    assert client.operate(path, **body, scale=max_scale)["images"]

    problem = client.invalid(path, json={**body, "scale": max_scale + 1})
    (error,) = problem["errors"]
    assert error["pointer"] == "#/scale"
    assert error["detail"].startswith(f"must be 1 to {max_scale} for ")
    assert "VAE_MAX_ITEMS" in error["detail"]


@pytest.mark.parametrize(
    ("request_type", "body", "images"),
    [
        (GenerateRequest, {}, 1),
        (GenerateRequest, {"label": [1, 2, 3]}, 3),
        (GenerateRequest, {"label": 7}, 1),
        (GenerateRequest, {"label": [1, 2, 3], "count": 5}, 5),
        (GenerateRequest, {"count": 2.0}, 2),
        (ReconstructRequest, {"images": ["x"] * 2, "sample": True, "samples": 3}, 6),
        (EncodeRequest, {"images": ["x", "x"]}, 2),
        (ArithmeticRequest, {"terms": [TERM] * 3}, 3),
        (TraverseRequest, {"start": POINT, "dimensions": [0, 1, 2]}, 33),
        (TraverseRequest, {"start": POINT, "dimensions": 5, "steps": 5}, 5),
        (InterpolateRequest, ENDS, 11),
        (InterpolateRequest, {**ENDS, "steps": 3.0}, 3),
        (InterpolateRequest, {**ENDS, "steps": 3, "closed": True}, 4),
        (InterpolateRequest, {"waypoints": [POINT] * 3, "steps": 3}, 5),
        (InterpolateRequest, {"waypoints": [POINT] * 3, "steps": 3, "closed": True}, 6),
        (InterpolateRequest, {"waypoints": [POINT] * 86, "steps": 4}, 256),
    ],
)
def test_the_images_of_a_request_are_counted(
    request_type: type[Request], body: object, images: int
) -> None:
    """They are those in the request, or those that it requests."""
    request = request_type.model_validate(body, context=LIMITS)

    assert request.image_count == images


def with_nulls(value: Any, schema: Json, schemas: Json) -> Any:
    """Return a value of a schema, with null for each field that it does not have."""
    schema = schema.get("anyOf", [schema])[0]
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    if isinstance(value, list):
        items = schema.get("items", {})
        return [with_nulls(item, items, schemas) for item in value]
    if not isinstance(value, dict):
        return value
    fields = schema["properties"]
    given = {name: with_nulls(value[name], fields[name], schemas) for name in value}
    return dict.fromkeys(fields) | given


def body_of(schema: Json, path: str) -> Json:
    """Return the description of an operation's JSON body."""
    body = schema["paths"][path]["post"]["requestBody"]
    content: Json = body["content"]["application/json"]
    return content


@pytest.mark.parametrize("path", OPERATIONS)
def test_a_null_field_is_the_same_as_an_absent_one(client: Client, path: str) -> None:
    """This holds for all fields, at any depth: some clients send all fields."""
    schema = client.get("/openapi.json").json()
    body = body_of(schema, path)
    for example in body["examples"].values():
        plain = example["value"]
        full = with_nulls(plain, body["schema"], schema["components"]["schemas"])
        response = client.post(path, full)

        assert full != plain
        assert response.status_code == 200, response.text
        assert response.json() == client.post(path, plain).json()


@pytest.mark.parametrize("path", OPERATIONS)
def test_a_null_field_that_is_unknown_is_rejected(client: Client, path: str) -> None:
    """It is a misspelt name."""
    errors = client.post(path, {"imagse": None}).json()["errors"]

    assert "#/imagse" in {error["pointer"] for error in errors}


@pytest.mark.parametrize("path", OPERATIONS)
def test_the_images_of_rejected_requests_are_not_counted(
    client: Client, path: str
) -> None:
    """Requests may be invalid, or rejected because of the load."""
    schema = client.get("/openapi.json").json()
    example = next(iter(body_of(schema, path)["examples"].values()))
    state = client.app.state
    with full_queue(state.scheduler):
        rejected = client.post(path, example["value"])
    invalid = client.post(path, {"no": "field"})

    assert rejected.status_code == 503
    assert invalid.status_code == 422
    assert state.metrics.route_counts(path).images == 0
    assert client.post(path, example["value"]).status_code == 200
    assert state.metrics.route_counts(path).images > 0


FIELDS = {f"field {number}": 0 for number in range(101)}


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("/generate", FIELDS, "#"),
        ("/arithmetic", {"terms": [FIELDS | {"label": 1}]}, "#/terms/0"),
        ("/v2/models/encoder/infer", {"inputs": [FIELDS]}, "#/inputs/0"),
        ("/v2/models/encoder/infer", {"parameters": FIELDS}, "#/parameters"),
    ],
)
def test_too_many_fields_are_one_error(
    client: Client, path: str, body: Json, pointer: str
) -> None:
    """Otherwise each unknown field would be one, of which ten are shown."""
    errors = client.post(path, body).json()["errors"]
    detail = f"must have at most 100 fields; has {101 + ('terms' in body)}"

    assert {"pointer": pointer, "detail": detail} in errors
    assert len(errors) <= 2
