"""Requests and responses of a real server agree with the OpenAPI schema."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from tests.color_model import write_color_model
from tests.end_to_end.server import serve
from tests.samples import MODEL

Json = dict[str, Any]


@pytest.fixture(scope="module", params=["the shipped model", "a model in color"])
def client(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """Client of a server with default settings."""
    folder = MODEL
    if request.param == "a model in color":
        folder = tmp_path_factory.mktemp("models") / "colors"
        write_color_model(folder)
    flags = ("--workers", "1", "--model", str(folder))
    with serve(*flags) as server, server.client() as client:
        yield client


@pytest.fixture(scope="module", params=["/openapi.json", "/docs/openapi.json"])
def document(client: httpx.Client, request: pytest.FixtureRequest) -> Json:
    """OpenAPI document of the server, for generators or of the page."""
    schema: Json = client.get(request.param).json()
    return schema


def gets(document: Json) -> Iterator[tuple[str, Json]]:
    """Yield path and description of each GET operation."""
    for path, methods in document["paths"].items():
        if "get" in methods:
            yield path, methods["get"]


def with_names(path: str, operation: Json) -> str:
    """Return a path with the first allowed value of each parameter in it."""
    values = {
        parameter["name"]: parameter["schema"]["enum"][0]
        for parameter in operation.get("parameters", [])
        if parameter["in"] == "path"
    }
    return path.format_map(values)


def operations_with_body(document: Json) -> Iterator[tuple[str, Json]]:
    """Yield path and description of each operation that has a request body."""
    for path, methods in document["paths"].items():
        for operation in methods.values():
            if "requestBody" in operation:
                yield path, operation


def json_body(operation: Json) -> Json:
    """Return the description of an operation's JSON body."""
    content: Json = operation["requestBody"]["content"]["application/json"]
    return content


def check_value(document: Json, content: Json, value: object) -> None:
    """Check that a value fits the schema of a content in the document."""
    schema = {"components": document["components"], **content["schema"]}
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(value)


def check_response(document: Json, operation: Json, response: httpx.Response) -> None:
    """Check that a response's status, media type and content are described."""
    contents = operation["responses"][str(response.status_code)]["content"]
    media_type = response.headers["content-type"].partition(";")[0]
    value = response.text if media_type == "text/plain" else response.json()
    check_value(document, contents[media_type], value)


def test_every_example_gets_a_described_response(
    client: httpx.Client, document: Json
) -> None:
    """Examples are valid, and their responses are 2xx with valid content."""
    count = 0
    for path, operation in operations_with_body(document):
        content = json_body(operation)
        for example in content["examples"].values():
            body = example["value"]
            check_value(document, content, body)
            response = client.post(path, json=body)
            assert response.is_success, f"{path}: {response.text}"
            check_response(document, operation, response)
            count += 1

    assert count >= 7


def test_defaults_may_be_sent(client: httpx.Client, document: Json) -> None:
    """Some clients send all of them: the response is the same as without them."""
    for path, operation in operations_with_body(document):
        content = json_body(operation)
        name = content["schema"]["$ref"].rpartition("/")[2]
        fields = document["components"]["schemas"][name]["properties"]
        defaults = {
            name: field["default"]
            for name, field in fields.items()
            if "default" in field
        }
        first_example = next(iter(content["examples"].values()))
        body = first_example["value"]
        without_defaults = client.post(path, json=body)
        with_defaults = client.post(path, json=defaults | body)

        assert with_defaults.status_code == without_defaults.status_code, path
        assert with_defaults.content == without_defaults.content, path


def test_every_get_has_a_described_response(
    client: httpx.Client, document: Json
) -> None:
    """Each is 2xx with valid content."""
    for path, operation in gets(document):
        response = client.get(with_names(path, operation))
        assert response.is_success, f"{path}: {response.text}"
        check_response(document, operation, response)


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (406, {"Accept": "text/html"}, b"{}"),
        (413, {}, b" " * 13_000_000),
        (415, {"Content-Type": "text/plain"}, b"{}"),
        (422, {}, b'{"no": "field"}'),
        (431, {"X-Long": "x" * 20_000}, b"{}"),
    ],
)
def test_every_rejection_is_described(
    client: httpx.Client,
    document: Json,
    status: int,
    headers: dict[str, str],
    body: bytes,
) -> None:
    """Each operation describes the status, and the problem is valid."""
    all_headers = {"Content-Type": "application/json", **headers}
    for path, operation in operations_with_body(document):
        response = client.post(path, content=body, headers=all_headers)
        assert response.status_code == status
        check_response(document, operation, response)
