"""The OpenAPI schema, with the sizes of the loaded model."""

import pytest
from pydantic import SecretStr

from service.app import create_app
from service.model.errors import ModelLoadError
from service.settings import Settings
from tests.samples import FIRST, FakeAutoencoder, fake_card, grey_png
from tests.service.conftest import Client, Json

OPERATIONS = [
    "/encode",
    "/decode",
    "/reconstruct",
    "/interpolate",
    "/generate",
    "/arithmetic",
    "/traverse",
    "/score",
    "/inspect",
    "/v2/models/encoder/infer",
    "/v2/models/decoder/infer",
    "/v2/models/inspector/infer",
]
ANY_REQUEST = {"400", "408", "431"}
PROTOCOL = "Open Inference Protocol"
PROBLEM = "application/problem+json"


@pytest.fixture
def schema(client: Client) -> Json:
    """The documentation page's OpenAPI document, which is complete."""
    document: Json = client.get("/docs/openapi.json").json()
    return document


@pytest.mark.parametrize("path", OPERATIONS)
def test_each_example_has_its_actual_response(
    client: Client, schema: Json, path: str
) -> None:
    """The model has computed the responses; there is at least one."""
    operation = schema["paths"][path]["post"]
    content = operation["requestBody"]["content"]["application/json"]
    responses = {
        title: client.post(path, example["value"])
        for title, example in content["examples"].items()
    }
    shown = operation["responses"]["200"]["content"]["application/json"]["examples"]

    assert {response.status_code for response in responses.values()} == {200}
    assert shown == {
        title: {"value": response.json()} for title, response in responses.items()
    }


def test_the_bounds_are_those_of_the_model_and_the_settings(schema: Json) -> None:
    """Lengths and ranges are where generators of clients find them."""
    schemas = schema["components"]["schemas"]
    numbers, _ = schemas["Latent"]["anyOf"]

    assert schemas["Images"]["minItems"] == 1
    assert schemas["Images"]["maxItems"] == 12
    assert numbers["minItems"] == 6
    assert numbers["maxItems"] == 6
    assert numbers["items"]["minimum"] == -10
    assert numbers["items"]["maximum"] == 10
    assert schemas["Steps"]["minimum"] == 2
    assert schemas["Steps"]["maximum"] == 12
    assert "3 x 2 pixels" in schemas["Image"]["description"]


def test_every_field_is_described(schema: Json) -> None:
    """The field itself or its named type has a description."""
    schemas = schema["components"]["schemas"]
    undescribed = []
    for name, body in schemas.items():
        for field, value in body.get("properties", {}).items():
            type_name = value.get("$ref", "").rpartition("/")[2]
            named_type = schemas.get(type_name, {})
            if not value.get("description") and not named_type.get("description"):
                undescribed.append(f"{name}.{field}")

    assert undescribed == []


@pytest.mark.parametrize(
    ("method", "path", "statuses"),
    [
        *(
            ("post", path, {*ANY_REQUEST, "406", "413", "415", "422", "503"})
            for path in OPERATIONS
        ),
        ("get", "/readyz", {*ANY_REQUEST, "503"}),
        ("get", "/model", ANY_REQUEST),
    ],
)
def test_all_rejections_are_described_as_problems(
    schema: Json, method: str, path: str, statuses: set[str]
) -> None:
    """Each status has the media type, the schema, and an example of each problem."""
    responses = schema["paths"][path][method]["responses"]

    assert set(responses) == {"200", *statuses}
    for status in statuses:
        content = responses[status]["content"][PROBLEM]
        examples = examples_of(content)
        titles = " / ".join(example["title"] for example in examples)
        assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
        assert {example["status"] for example in examples} == {int(status)}
        assert responses[status]["description"] == titles


def examples_of(content: Json) -> list[Json]:
    """Return the examples of a response's content, one or several."""
    if "example" in content:
        return [content["example"]]
    return [example["value"] for example in content["examples"].values()]


@pytest.mark.parametrize(
    ("method", "path", "kinds"),
    [
        ("post", "/encode", {"overloaded", "inference-failed", "draining"}),
        ("get", "/readyz", {"inference-failed", "draining"}),
    ],
)
def test_a_503_has_several_reasons(
    schema: Json, method: str, path: str, kinds: set[str]
) -> None:
    """A probe is never rejected because of load."""
    responses = schema["paths"][path][method]["responses"]
    examples = examples_of(responses["503"]["content"][PROBLEM])

    assert {example["type"] for example in examples} == {
        f"urn:vae-service:problem:{kind}" for kind in kinds
    }


def test_every_group_operation_and_response_is_described(schema: Json) -> None:
    """The descriptions are not FastAPI's defaults."""
    groups = {group["name"]: group["description"] for group in schema["tags"]}
    used_groups = set()
    for methods in schema["paths"].values():
        for operation in methods.values():
            used_groups.update(operation["tags"])
            response = operation["responses"]["200"]
            assert operation["summary"]
            assert operation["description"]
            assert response["description"] != "Successful Response"

    assert used_groups == set(groups)


def test_the_introduction_describes_the_model(schema: Json) -> None:
    """It is short, because generators copy it into every file of a client."""
    text = schema["info"]["description"]

    assert text.startswith(
        "**fake**, a variational autoencoder of 168 parameters, "
        "encodes an image of 3 x 2 pixels"
    )
    assert "6 dimensions" in text
    assert len(text) < 1000
    assert "data:" not in text


def test_operation_ids_are_short(schema: Json) -> None:
    """They are the paths; those of the Open Inference Protocol are shorter.

    Where the path names a model, the name is replaced by a suffix.

    Generated clients name their methods after them.
    """
    protocol_ids = set()
    for path, methods in schema["paths"].items():
        for operation in methods.values():
            if operation["tags"] == [PROTOCOL]:
                protocol_ids.add(operation["operationId"])
            elif path == "/models/{model}":
                assert operation["operationId"] == "model_by_name"
            else:
                assert operation["operationId"] == path.removeprefix("/")

    assert protocol_ids == {
        "server_metadata",
        "server_live",
        "server_ready",
        "repository_index",
        "statistics",
        "encoder_metadata",
        "encoder_config",
        "encoder_statistics",
        "encoder_ready",
        "encoder_infer",
        "decoder_metadata",
        "decoder_config",
        "decoder_statistics",
        "decoder_ready",
        "decoder_infer",
        "inspector_metadata",
        "inspector_config",
        "inspector_statistics",
        "inspector_ready",
        "inspector_infer",
    }


def test_the_example_images_are_the_cards(
    schema: Json, autoencoder: FakeAutoencoder
) -> None:
    """They belong to the model's own data."""
    body = schema["paths"]["/encode"]["post"]["requestBody"]
    examples = body["content"]["application/json"]["examples"]

    assert examples["Two images"]["value"] == {"images": autoencoder.card.examples}


@pytest.mark.parametrize(
    ("example", "reason"), [("bm8=", "not a PNG"), (grey_png([[0]]), "1 x 1 pixels")]
)
def test_a_card_with_invalid_example_images_is_rejected(
    settings: Settings, example: str, reason: str
) -> None:
    """The error is raised before the service starts."""
    card = fake_card().model_copy(update={"examples": [FIRST, example]})
    model = FakeAutoencoder(card)

    with pytest.raises(ModelLoadError, match=f"examples in the model card: {reason}"):
        create_app(settings, model)


def test_api_keys_are_described(
    settings: Settings, autoencoder: FakeAutoencoder
) -> None:
    """There are two ways to send one; probes need none."""
    keys = (SecretStr("a-key-of-some-length"),)
    settings = settings.model_copy(update={"api_keys": keys, "docs_without_key": True})
    client = Client(create_app(settings, autoencoder))
    schema = client.get("/openapi.json").json()
    encode = schema["paths"]["/encode"]["post"]
    probe = schema["paths"]["/readyz"]["get"]

    assert set(schema["components"]["securitySchemes"]) == {"bearer", "header"}
    assert encode["security"] == [{"bearer": []}, {"header": []}]
    assert "401" in encode["responses"]
    assert "security" not in probe
    assert "401" not in probe["responses"]


def test_without_keys_none_are_described(schema: Json) -> None:
    """The page then does not ask for a key."""
    assert "securitySchemes" not in schema["components"]
