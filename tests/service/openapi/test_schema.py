"""The OpenAPI schema says what the service does, with this model's sizes."""

from typing import Any

import pytest
from pydantic import SecretStr

from service.api.uploads import UPLOAD_TYPES
from service.app import create_app
from service.model.errors import ModelLoadError
from service.settings import Settings
from tests.samples import FIRST, FakeAutoencoder, fake_card, grey_png
from tests.service.conftest import Client

SAMPLES = ["sample", "samples", "seed"]
OPERATIONS = [
    "/encode",
    "/decode",
    "/reconstruct",
    "/interpolate",
    "/generate",
    "/arithmetic",
    "/traverse",
    "/score",
    "/v2/models/encoder/infer",
    "/v2/models/decoder/infer",
]


@pytest.fixture
def schema(client: Client) -> dict[str, Any]:
    """The OpenAPI schema."""
    document: dict[str, Any] = client.get("/openapi.json").json()
    return document


@pytest.mark.parametrize("path", OPERATIONS)
def test_each_example_gives_the_answer_beside_it(
    client: Client, schema: dict[str, Any], path: str
) -> None:
    """What the page shows was computed by this model; there is at least one."""
    operation = schema["paths"][path]["post"]
    requests = operation["requestBody"]["content"]["application/json"]["examples"]
    answers = {
        name: client.post(path, request["value"]) for name, request in requests.items()
    }

    assert {answer.status_code for answer in answers.values()} == {200}
    shown = operation["responses"]["200"]["content"]["application/json"]["examples"]
    assert {name: {"value": answer.json()} for name, answer in answers.items()} == shown


def test_bounds_are_the_models_and_the_settings(schema: dict[str, Any]) -> None:
    """Lengths and ranges stand where a client's generator looks for them."""
    schemas = schema["components"]["schemas"]

    assert (schemas["Images"]["minItems"], schemas["Images"]["maxItems"]) == (1, 12)
    numbers, _ = schemas["Latent"]["anyOf"]
    assert (numbers["minItems"], numbers["maxItems"]) == (6, 6)
    assert (numbers["items"]["minimum"], numbers["items"]["maximum"]) == (-10, 10)
    assert (schemas["Steps"]["minimum"], schemas["Steps"]["maximum"]) == (2, 12)
    assert "3 x 2 pixels" in schemas["Image"]["description"]


def test_every_field_of_a_body_is_described(schema: dict[str, Any]) -> None:
    """Each field, or the type that it names, has a description."""
    schemas = schema["components"]["schemas"]
    bare = [
        f"{name}.{field}"
        for name, body in schemas.items()
        for field, value in body.get("properties", {}).items()
        if not (
            value.get("description")
            or schemas.get(value.get("$ref", "").split("/")[-1], {}).get("description")
        )
    ]

    assert bare == []


ANY_REQUEST = {"400", "408", "431"}


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
def test_all_refusals_are_described_as_problems(
    schema: dict[str, Any], method: str, path: str, statuses: set[str]
) -> None:
    """Every status that can come has its media type, its schema and an example of each kind."""
    responses = schema["paths"][path][method]["responses"]

    assert set(responses) == {"200", *statuses}
    for status in statuses:
        content = responses[status]["content"]["application/problem+json"]
        assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
        examples = (
            [content["example"]]
            if "example" in content
            else [each["value"] for each in content["examples"].values()]
        )
        assert {example["status"] for example in examples} == {int(status)}
        assert (
            " / ".join(example["title"] for example in examples)
            == responses[status]["description"]
        )


def test_a_503_is_for_one_of_several_reasons(schema: dict[str, Any]) -> None:
    """A probe is never refused for load."""

    def kinds(responses: dict[str, Any]) -> set[str]:
        examples = responses["503"]["content"]["application/problem+json"][
            "examples"
        ].values()
        return {
            example["value"]["type"].removeprefix("urn:vae-service:problem:")
            for example in examples
        }

    assert kinds(schema["paths"]["/encode"]["post"]["responses"]) == {
        "overloaded",
        "inference-failed",
        "draining",
    }
    assert kinds(schema["paths"]["/readyz"]["get"]["responses"]) == {
        "inference-failed",
        "draining",
    }


def test_every_group_answer_and_operation_is_described(schema: dict[str, Any]) -> None:
    """In words of the service's own."""
    groups = {group["name"]: group["description"] for group in schema["tags"]}
    operations = [
        operation
        for methods in schema["paths"].values()
        for operation in methods.values()
    ]

    assert {tag for operation in operations for tag in operation["tags"]} == set(groups)
    assert all(
        operation["summary"] and operation["description"] for operation in operations
    )
    assert all(
        operation["responses"]["200"]["description"] != "Successful Response"
        for operation in operations
    )


def test_the_description_is_a_few_words_on_the_model(schema: dict[str, Any]) -> None:
    """Generators copy it into every file of a client."""
    text = schema["info"]["description"]

    assert text.startswith(
        "**fake**, a variational autoencoder of 168 parameters, encodes an image of 3 x 2 pixels"
    )
    assert "6 dimensions" in text
    assert len(text) < 1000
    assert "data:" not in text


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("/encode", ["fit", "explain", *SAMPLES, "encoding"]),
        ("/reconstruct", ["fit", "explain", *SAMPLES, "scale"]),
    ],
)
def test_pictures_without_json_are_described(
    schema: dict[str, Any], path: str, options: list[str]
) -> None:
    """As a body of each format, and as a form; all options are parameters of the query."""
    operation = schema["paths"][path]["post"]
    form = operation["requestBody"]["content"]["multipart/form-data"]["schema"]

    assert set(operation["requestBody"]["content"]) == {
        "application/json",
        *(name.decode() for name in UPLOAD_TYPES),
    }
    assert [parameter["name"] for parameter in operation["parameters"]] == options
    assert operation["parameters"][options.index("samples")]["description"].startswith(
        "Number of samples of each image"
    )
    assert set(form["properties"]) == {"images", *options}
    assert form["properties"]["images"]["maxItems"] == 12


def test_operation_ids_are_short(schema: dict[str, Any]) -> None:
    """A generated client's methods are called as the paths are; those of the Open Inference Protocol shorter."""
    protocol = set()
    for path, methods in schema["paths"].items():
        for operation in methods.values():
            if operation["tags"] == ["Open Inference Protocol"]:
                protocol.add(operation["operationId"])
            else:
                assert operation["operationId"] == path.removeprefix("/")

    assert protocol == {
        *("server_metadata", "server_live", "server_ready"),
        *("repository_index", "statistics"),
        *(
            f"{model}_{operation}"
            for model in ("encoder", "decoder")
            for operation in ("metadata", "config", "statistics", "ready", "infer")
        ),
    }


def test_the_page_loads_nothing_from_elsewhere(client: Client) -> None:
    """Scripts and styles come from the service."""
    page = client.get("/docs").text

    assert "//" not in page.replace("/* ", "").split("<script>")[0].replace("</", "")
    assert client.get("/docs-assets/swagger-ui-bundle.js").status_code == 200


def test_examples_are_the_cards(
    schema: dict[str, Any], autoencoder: FakeAutoencoder
) -> None:
    """The example images are of the model's own data."""
    requests = schema["paths"]["/encode"]["post"]["requestBody"]["content"][
        "application/json"
    ]["examples"]

    assert requests["Two images"]["value"] == {"images": autoencoder.card.examples}


@pytest.mark.parametrize(
    ("example", "reason"), [("bm8=", "not a PNG"), (grey_png([[0]]), "1 x 1 pixels")]
)
def test_a_card_whose_examples_do_not_fit_is_refused(
    settings: Settings, example: str, reason: str
) -> None:
    """In one line, before the service starts."""
    model = FakeAutoencoder(
        fake_card().model_copy(update={"examples": [FIRST, example]})
    )

    with pytest.raises(ModelLoadError, match=f"examples in the model card: {reason}"):
        create_app(settings, model)


def test_the_page_asks_for_a_key_where_one_is_needed(
    settings: Settings, autoencoder: FakeAutoencoder
) -> None:
    """Either way to bring it is described, for all but the probes; without keys nothing is."""
    settings = settings.model_copy(
        update={
            "api_keys": (SecretStr("a-key-of-some-length"),),
            "docs_without_key": True,
        }
    )
    client = Client(create_app(settings, autoencoder))
    schema = client.get("/openapi.json").json()

    assert set(schema["components"]["securitySchemes"]) == {"bearer", "header"}
    assert schema["paths"]["/encode"]["post"]["security"] == [
        {"bearer": []},
        {"header": []},
    ]
    assert "401" in schema["paths"]["/encode"]["post"]["responses"]
    assert "security" not in schema["paths"]["/readyz"]["get"]
    assert "401" not in schema["paths"]["/readyz"]["get"]["responses"]


def test_without_keys_the_page_asks_for_none(schema: dict[str, Any]) -> None:
    """There is nothing to authorize."""
    assert "securitySchemes" not in schema["components"]
