"""Requests as the clients of KServe and Triton send them."""

import json

import numpy as np
import pytest

from service.model.autoencoder import Floats
from tests.service.conftest import Client
from tests.service.oip.test_routes import (
    Json,
    binary_pixels,
    check_refusal,
    infer,
    infer_bytes,
    pixels,
    tensors_of,
)

RAW = {"Inference-Header-Content-Length": "0"}


@pytest.mark.parametrize(
    "fields",
    [
        # KServe's Python client, InferRequest.to_rest()
        {"id": "8e4c", "model_name": "encoder"},
        {"model_name": "encoder", "outputs": [{"name": "mean"}]},
        {"model_name": "encoder", "parameters": {"hint": 1, "text": "x", "on": True}},
        {"model_name": "encoder", "model_version": "1"},
        # MLServer's: every field that it knows, null or not
        {"id": None, "parameters": None, "outputs": None},
        {
            "parameters": {"content_type": "np", "headers": {"a": "b"}},
            "outputs": [{"name": "mean", "parameters": {"content_type": "np"}}],
        },
        {"outputs": [{"name": "mean", "parameters": None}]},
    ],
)
def test_a_request_may_have_what_clients_write(client: Client, fields: Json) -> None:
    """The response is the same as without it."""
    (mean, *_) = infer(client, "encoder", pixels() | fields)["outputs"]
    (expected, *_) = infer(client, "encoder", pixels())["outputs"]

    assert mean == expected


def test_a_body_may_be_the_numbers_alone(
    client: Client, random: np.random.Generator
) -> None:
    """As many items as the bytes are; the outputs are binary, as Triton's are."""
    values = random.random((3, 1, 2, 3), dtype=np.float32)
    response = client.request(
        "POST",
        "/v2/models/encoder/infer",
        content=values.astype("<f4").tobytes(),
        headers=RAW | {"Content-Type": "application/octet-stream"},
    )

    assert response.headers["content-type"] == "application/octet-stream"
    tensors = tensors_of(response)
    assert np.array_equal(tensors["mean"], values.reshape(3, 6))
    assert np.array_equal(tensors["log_variance"], values.reshape(3, 6) / 2)


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (b"1234567", "the body must be items of 24 bytes; has 7 bytes"),
        (bytes(25), "the body must be items of 24 bytes; has 25 bytes"),
        (bytes(24 * 13), "is [13, 1, 2, 3]"),
        (b"\xff" * 24, "must have numbers from 0 to 1; has nan"),
        (b"", "not JSON"),
    ],
)
def test_numbers_alone_are_checked(client: Client, content: bytes, detail: str) -> None:
    """Their count, their size and their range."""
    response = client.request(
        "POST", "/v2/models/encoder/infer", content=content, headers=RAW
    )

    check_refusal(response, 422, "invalid-request", detail)


def one_pixel(value: float) -> Floats:
    """Return an image with one pixel of a value, the others 0."""
    values = np.zeros((1, 1, 2, 3), np.float32)
    values[0, 0, 0, 0] = value
    return values


def test_a_number_out_of_bounds_is_shown_with_all_its_digits(client: Client) -> None:
    """In JSON, where numbers have 64 bits, and as bytes, where they have 32."""
    too_large = 1.0000000000000002
    response = client.post(
        "/v2/models/encoder/infer", pixels(data=[too_large] + [0] * 5)
    )
    check_refusal(response, 422, "invalid-request", "has 1.0000000000000002")

    values = one_pixel(1.0000001)
    response = infer_bytes(client, *binary_pixels(values))
    check_refusal(response, 422, "invalid-request", "has 1.0000001")
    assert json.loads(response.content)["errors"][0]["pointer"] == "#/inputs/0/data"
