"""What the OpenAPI schema says, a real server does."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from tests.end_to_end.server import serve

Json = dict[str, Any]


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """A client of a server as it comes."""
    with serve("--workers", "1") as server, server.client() as client:
        yield client


@pytest.fixture(scope="module")
def document(client: httpx.Client) -> Json:
    """Its OpenAPI schema."""
    schema: Json = client.get("/openapi.json").json()
    return schema


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    """Method, path and description of each operation."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def check(document: Json, content: Json, value: object) -> None:
    """See that a value is valid; references lead into the document, as they do there."""
    schema = {"components": document["components"], **content["schema"]}
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(value)


def check_answer(document: Json, operation: Json, answer: httpx.Response) -> None:
    """See that an answer is one of those described, of the type and the schema that its status has."""
    content = operation["responses"][str(answer.status_code)]["content"]
    media_type = answer.headers["content-type"].partition(";")[0]
    check(
        document,
        content[media_type],
        answer.text if media_type == "text/plain" else answer.json(),
    )


def test_every_example_is_answered_as_described(
    client: httpx.Client, document: Json
) -> None:
    """It is valid itself, and gets a 2xx whose content is valid."""
    posted = 0
    for _, path, operation in operations(document):
        if "requestBody" in operation:
            content = operation["requestBody"]["content"]["application/json"]
            for example in content["examples"].values():
                check(document, content, example["value"])
                answer = client.post(path, json=example["value"])
                assert answer.is_success, f"{path}: {answer.text}"
                check_answer(document, operation, answer)
                posted += 1

    assert posted >= 7


def test_defaults_may_be_written_out(client: httpx.Client, document: Json) -> None:
    """As some clients do: the first example with all of them gets the same answer."""
    for _, path, operation in operations(document):
        if "requestBody" in operation:
            content = operation["requestBody"]["content"]["application/json"]
            name = content["schema"]["$ref"].split("/")[-1]
            fields = document["components"]["schemas"][name]["properties"]
            body = next(iter(content["examples"].values()))["value"]
            defaults = {
                name: field["default"]
                for name, field in fields.items()
                if "default" in field
            }
            plain, full = (
                client.post(path, json=body),
                client.post(path, json={**defaults, **body}),
            )
            assert (plain.status_code, plain.content) == (
                full.status_code,
                full.content,
            ), path


def test_every_get_is_answered_as_described(
    client: httpx.Client, document: Json
) -> None:
    """Each gives a 2xx whose content is valid."""
    for method, path, operation in operations(document):
        if method == "get":
            answer = client.get(path)
            assert answer.is_success, f"{path}: {answer.text}"
            check_answer(document, operation, answer)


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (406, {"Accept": "text/html"}, b"{}"),
        (413, {}, b" " * 3_000_000),
        (415, {"Content-Type": "text/plain"}, b"{}"),
        (422, {}, b'{"no": "field"}'),
        (431, {"X-Long": "x" * 20_000}, b"{}"),
    ],
)
def test_every_refusal_is_described(
    client: httpx.Client,
    document: Json,
    status: int,
    headers: dict[str, str],
    body: bytes,
) -> None:
    """At each operation, its status is there and its problem valid."""
    for _, path, operation in operations(document):
        if "requestBody" in operation:
            answer = client.post(
                path,
                content=body,
                headers={"Content-Type": "application/json", **headers},
            )
            assert answer.status_code == status
            check_answer(document, operation, answer)
