"""Properties of all requests, whatever the operation."""

from typing import Any

import pytest

from tests.service.conftest import Client
from tests.service.openapi.test_schema import OPERATIONS

Json = dict[str, Any]


def with_nulls(value: Any, schema: Json, schemas: Json) -> Any:
    """Return a value of a schema, with null for each field that it does not have."""
    schema = schema.get("anyOf", [schema])[0]
    if "$ref" in schema:
        schema = schemas[schema["$ref"].split("/")[-1]]
    if isinstance(value, list):
        return [with_nulls(each, schema.get("items", {}), schemas) for each in value]
    if not isinstance(value, dict):
        return value
    fields = schema["properties"]
    given = {name: with_nulls(value[name], fields[name], schemas) for name in value}
    return dict.fromkeys(fields) | given


@pytest.mark.parametrize("path", OPERATIONS)
def test_a_null_field_is_the_same_as_an_absent_one(client: Client, path: str) -> None:
    """For every field, at any depth: some clients write all that they know."""
    document = client.get("/openapi.json").json()
    body = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    schemas = document["components"]["schemas"]
    for example in body["examples"].values():
        plain = example["value"]
        full = with_nulls(plain, body["schema"], schemas)
        response = client.post(path, full)

        assert full != plain
        assert response.status_code == 200, response.text
        assert response.json() == client.post(path, plain).json()


@pytest.mark.parametrize("path", OPERATIONS)
def test_a_rejected_request_counts_no_image(client: Client, path: str) -> None:
    """Neither one that is invalid nor one for which there is no room."""
    document = client.get("/openapi.json").json()
    body = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    example, *_ = body["examples"].values()
    state = client.app.state
    state.scheduler.pending_images += 2048
    rejected = client.post(path, example["value"])
    state.scheduler.pending_images -= 2048
    invalid = client.post(path, {"no": "field"})

    assert (rejected.status_code, invalid.status_code) == (503, 422)
    assert state.metrics.route_counts(path).images == 0
    assert client.post(path, example["value"]).status_code == 200
    assert state.metrics.route_counts(path).images > 0


def test_a_number_out_of_bounds_is_shown_with_all_its_digits(client: Client) -> None:
    """A number that is just out of bounds is not shown as the bound itself."""
    latent = [10.000000000000002] + [0.0] * 5
    traverse = {"start": {"digit": 0}, "dimensions": 0, "range": [0, latent[0]]}
    responses = [
        client.post("/decode", {"latents": [latent]}),
        client.post("/traverse", traverse),
    ]

    for response in responses:
        assert "-10 to 10 (VAE_MAX_LATENT)" in response.json()["detail"]
        assert response.json()["detail"].endswith(" 10.000000000000002")


FIELDS = {f"field {number}": 0 for number in range(101)}


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("/generate", FIELDS, "#"),
        ("/arithmetic", {"terms": [FIELDS | {"digit": 1}]}, "#/terms/0"),
        ("/v2/models/encoder/infer", {"inputs": [FIELDS]}, "#/inputs/0"),
        ("/v2/models/encoder/infer", {"parameters": FIELDS}, "#/parameters"),
    ],
)
def test_very_many_fields_are_one_error(
    client: Client, path: str, body: Json, pointer: str
) -> None:
    """Each unknown field would be an error, of which ten are shown."""
    errors = client.post(path, body).json()["errors"]
    detail = f"must have at most 100 fields; has {101 + ('terms' in body)}"

    assert {"pointer": pointer, "detail": detail} in errors
    assert len(errors) <= 2
