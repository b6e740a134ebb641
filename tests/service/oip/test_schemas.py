"""Fields of inference requests: invalid values are rejected and named."""

import numpy as np
import pytest

from tests.service.conftest import Client, Json
from tests.service.oip.protocol import (
    DECODER,
    ENCODER,
    IMAGE,
    LATENT,
    binary_pixels,
    check_invalid,
    infer_bytes,
    latent,
    pixels,
)

# Model, body, pointer to the invalid field, part of the message.
INVALID: list[tuple[str, Json, str, str]] = [
    (ENCODER, {}, "#/inputs", "Field required"),
    (ENCODER, {"inputs": []}, "#/inputs", "at least 1 item"),
    (ENCODER, {"inputs": pixels()["inputs"] * 2}, "#/inputs", "at most 1 item"),
    (ENCODER, {**pixels(), "input": 1}, "#/input", "Extra inputs"),
    (ENCODER, {**pixels(), "id": 7}, "#/id", "valid string"),
    (
        ENCODER,
        {**pixels(), "parameters": {"binary_data_output": 1}},
        "#/parameters/binary_data_output",
        "boolean",
    ),
    (ENCODER, pixels(name="latent"), "#/inputs/0/name", "must be pixels; is latent"),
    (DECODER, latent(name="mean"), "#/inputs/0/name", "must be latent; is mean"),
    (ENCODER, pixels(datatype="FP64"), "#/inputs/0/datatype", "'FP32'"),
    (ENCODER, pixels(datatype="UINT8"), "#/inputs/0/datatype", "'FP32'"),
    (ENCODER, pixels(shape=[]), "#/inputs/0/shape", "at least 1 item"),
    (
        ENCODER,
        pixels(shape=[1, 6]),
        "#/inputs/0/shape",
        "must be [1 to 12 (VAE_MAX_ITEMS), 1, 2, 3]; is [1, 6]",
    ),
    (ENCODER, pixels(shape=[1, 1, 3, 2]), "#/inputs/0/shape", "is [1, 1, 3, 2]"),
    (ENCODER, pixels(shape=[-1, 1, 2, 3]), "#/inputs/0/shape", "is [-1, 1, 2, 3]"),
    (
        ENCODER,
        pixels(shape=[0, 1, 2, 3], data=[]),
        "#/inputs/0/shape",
        "is [0, 1, 2, 3]",
    ),
    (ENCODER, pixels(13), "#/inputs/0/shape", "is [13, 1, 2, 3]"),
    (ENCODER, pixels(shape=[10**400, 1, 2, 3]), "#/inputs/0/shape", "is [1000000"),
    (ENCODER, pixels(shape=["1", 1, 2, 3]), "#/inputs/0/shape/0", "valid integer"),
    (ENCODER, pixels(shape=[2, 1, 2, 3]), "#/inputs/0/data", "must have 12 numbers"),
    (ENCODER, pixels(data=IMAGE[:5]), "#/inputs/0/data", "must have 6 numbers"),
    (ENCODER, pixels(data=[*IMAGE, 0]), "#/inputs/0/data", "must have 6 numbers"),
    (ENCODER, pixels(data=None), "#/inputs/0/data", "Field required"),
    (ENCODER, pixels(data="AAAA"), "#/inputs/0/data", "must have 6 numbers"),
    (
        ENCODER,
        pixels(data=[*IMAGE[:5], "1"]),
        "#/inputs/0/data",
        "must have 6 numbers",
    ),
    (
        ENCODER,
        pixels(data=[*IMAGE[:5], True]),
        "#/inputs/0/data",
        "must have 6 numbers",
    ),
    (
        ENCODER,
        pixels(data=[*IMAGE[:5], None]),
        "#/inputs/0/data",
        "must have 6 numbers",
    ),
    (
        ENCODER,
        pixels(data=[[[[0, 0], [0, 0], [0, 0]]]]),
        "#/inputs/0/data",
        "nested as the shape says",
    ),
    (ENCODER, pixels(data=[IMAGE]), "#/inputs/0/data", "nested as the shape says"),
    (
        ENCODER,
        pixels(data=[[[[0, 0, 0], 0]]]),
        "#/inputs/0/data",
        "nested as the shape says",
    ),
    (
        ENCODER,
        pixels(data=[*IMAGE[:5], 1.001]),
        "#/inputs/0/data",
        "must have numbers from 0 to 1; has 1.001",
    ),
    (ENCODER, pixels(data=[*IMAGE[:5], -0.5]), "#/inputs/0/data", "has -0.5"),
    (ENCODER, pixels(data=[*IMAGE[:5], 10**400]), "#/inputs/0/data", "has inf"),
    (
        DECODER,
        latent(data=[*LATENT[:5], 10.5]),
        "#/inputs/0/data",
        "must have numbers from -10 to 10 (VAE_MAX_LATENT); has 10.5",
    ),
    (
        ENCODER,
        {**pixels(), "outputs": [{"name": "pixels"}]},
        "#/outputs/0/name",
        "must be mean or log_variance",
    ),
    (
        ENCODER,
        {
            **pixels(),
            "outputs": [{"name": "mean", "parameters": {"classification": 2}}],
        },
        "#/outputs/0/parameters/classification",
        "Extra inputs",
    ),
    (
        ENCODER,
        pixels(parameters={"binary_data_size": 24}),
        "#",
        "either data or binary_data_size",
    ),
    (
        ENCODER,
        {"inputs": [{"name": "pixels", "shape": [1, 1, 2, 3], "datatype": "FP32"}]},
        "#/inputs/0/data",
        "Field required",
    ),
    (ENCODER, {"inputs": [0] * 600}, "#", "the body has 602 values and names"),
]


@pytest.mark.parametrize(("path", "body", "pointer", "detail"), INVALID)
def test_an_invalid_field_is_named_with_its_location(
    client: Client, path: str, body: Json, pointer: str, detail: str
) -> None:
    """The problem is that of the operations."""
    response = client.post(f"{path}/infer", body)

    check_invalid(response, detail)
    assert response.json()["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        (np.nan, "has nan"),
        (np.inf, "has inf"),
        (-np.inf, "has -inf"),
        (-1e-30, "has -1e-30"),
    ],
)
def test_binary_numbers_out_of_range_are_rejected(
    client: Client, value: float, detail: str
) -> None:
    """Bytes can be NaN and infinity, which JSON has no numbers for."""
    values = np.zeros((2, 1, 2, 3), np.float32)
    values[1, 0, 1, 1] = value

    check_invalid(infer_bytes(client, *binary_pixels(values)), detail)


def test_a_number_out_of_range_is_shown_with_all_its_digits(client: Client) -> None:
    """Numbers have 64 bits in JSON, and 32 bits as bytes."""
    body = pixels(data=[1.0000000000000002, 0, 0, 0, 0, 0])
    response = client.post(f"{ENCODER}/infer", body)
    check_invalid(response, "has 1.0000000000000002")

    values = np.zeros((1, 1, 2, 3), np.float32)
    values[0, 0, 0, 0] = 1.0000001
    response = infer_bytes(client, *binary_pixels(values))
    check_invalid(response, "has 1.0000001")
    assert response.json()["errors"][0]["pointer"] == "#/inputs/0/data"
