"""The OpenAPI document for generators of clients."""

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from service.openapi.generators import subschemas
from tests.service.conftest import Client
from tests.service.openapi.test_schema import OPERATIONS

Json = dict[str, Any]


@pytest.fixture
def document(client: Client) -> Json:
    """The document."""
    document: Json = client.get("/openapi.json").json()
    return document


def schemas(document: Json) -> Iterator[Json]:
    """Return all schemas of a document's components."""
    for component in document["components"]["schemas"].values():
        yield from subschemas(component)


@pytest.mark.parametrize("path", OPERATIONS)
def test_a_body_and_a_response_have_one_media_type(document: Json, path: str) -> None:
    """Of several, clients would send none or the wrong one, or had to tell them apart."""
    operation = document["paths"][path]["post"]
    response = operation["responses"]["200"]

    assert list(operation["requestBody"]["content"]) == ["application/json"]
    assert list(response["content"]) == ["application/json"]
    assert "parameters" not in operation


def test_a_field_with_a_default_is_not_required(document: Json) -> None:
    """Some generators take a default for a promise; the description has it."""
    fields = document["components"]["schemas"]["EncodeRequest"]["properties"]

    assert not any("default" in schema for schema in schemas(document))
    assert fields["fit"]["description"].endswith('rejected. Default: "auto".')
    assert fields["explain"]["description"].endswith("Default: false.")
    assert "Default:" not in fields["images"].get("description", "")


def test_a_list_of_fixed_length_is_no_tuple(document: Json) -> None:
    """A plain list of numbers can be assigned to it."""
    lists = [schema for schema in schemas(document) if "items" in schema]
    latent = document["components"]["schemas"]["Latent"]

    assert latent["description"].endswith("standard normal. 6 items.")
    for schema in lists:
        assert schema.get("minItems", 0) != schema.get("maxItems")


def test_latents_are_lists_of_numbers(document: Json) -> None:
    """In requests and responses: nothing can ask for base64."""
    components = document["components"]["schemas"]
    latent, posterior = components["Latent"], components["PosteriorResponse"]
    mean, samples = (posterior["properties"][name] for name in ("mean", "samples"))
    drawn, nothing = samples["anyOf"]

    assert latent["type"] == mean["type"] == drawn["items"]["type"] == "array"
    assert latent["items"]["type"] == "number"
    assert mean["items"] == drawn["items"]["items"] == {"type": "number"}
    assert nothing == {"type": "null"}
    for schema in schemas(document):
        assert len(schema.get("anyOf", [])) in {0, 2}
        assert "encoding" not in schema.get("properties", {})


@pytest.mark.parametrize(
    ("request_name", "field", "items"),
    [
        ("GenerateRequest", "label", "Labels"),
        ("TraverseRequest", "dimensions", "Dimensions"),
    ],
)
def test_one_value_or_several_are_described_as_a_list(
    document: Json, request_name: str, field: str, items: str
) -> None:
    """Some generators make types of the choice that do not compile."""
    fields = document["components"]["schemas"][request_name]["properties"]
    described = fields[field].get("anyOf", [fields[field]])[0]

    assert described["$ref"] == f"#/components/schemas/{items}"


@pytest.mark.parametrize("path", OPERATIONS)
def test_the_examples_fit_the_simpler_schemas(document: Json, path: str) -> None:
    """Of requests and of responses."""
    operation = document["paths"][path]["post"]
    for described in (operation["requestBody"], operation["responses"]["200"]):
        content = described["content"]["application/json"]
        schema = content["schema"] | {"components": document["components"]}
        for example in content["examples"].values():
            Draft202012Validator(schema).validate(example["value"])


def test_the_description_has_no_picture(document: Json) -> None:
    """Generators copy it into every file."""
    assert "base64," not in document["info"]["description"]
    assert len(document["info"]["description"]) < 1000


def test_the_other_document_is_left_as_it_is(client: Client) -> None:
    """Both have the same paths, operations and schemas."""
    before = client.get("/docs/openapi.json").json()
    plain = client.get("/openapi.json").json()
    after = client.get("/docs/openapi.json").json()

    assert before == after
    assert plain["info"] == after["info"]
    assert set(plain["components"]["schemas"]) == set(after["components"]["schemas"])
    for path, operations in after["paths"].items():
        assert set(plain["paths"][path]) == set(operations)
