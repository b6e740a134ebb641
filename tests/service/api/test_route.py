"""The way of a body, as the server hands it over: in pieces, behind a prefix, or not to its end."""

import asyncio
import json
from typing import Any

import pytest
from starlette.types import Message

from service.api.body import parse_json
from service.api.errors import ProblemError
from tests.samples import FIRST, FakeAutoencoder
from tests.service.conftest import Client

BODY = json.dumps({"images": [FIRST]}).encode()


def send(client: Client, messages: list[Message], **scope: Any) -> list[Message]:
    """Hand an encode request to the application, message by message; give what it sends."""
    sent: list[Message] = []
    incoming = iter(messages)

    async def receive() -> Message:
        return next(incoming)

    async def keep(message: Message) -> None:
        sent.append(message)

    request = {
        "type": "http",
        "method": "POST",
        "path": "/encode",
        "root_path": "",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
        **scope,
    }
    asyncio.run(client.app(request, receive, keep))
    return sent


def test_a_body_in_pieces_is_put_together(client: Client) -> None:
    """However the network cut it."""
    pieces = [
        {"type": "http.request", "body": BODY[i : i + 7], "more_body": True}
        for i in range(0, len(BODY), 7)
    ]
    start, body = send(client, [*pieces, {"type": "http.request"}])

    assert start["status"] == 200
    assert dict(start["headers"])[b"content-length"] == str(len(body["body"])).encode()
    assert len(json.loads(body["body"])["latents"]) == 1


def test_a_client_that_goes_away_is_not_answered(
    client: Client, autoencoder: FakeAutoencoder
) -> None:
    """Nothing is computed and nothing is sent."""
    autoencoder.batches.clear()
    sent = send(
        client,
        [
            {"type": "http.request", "body": BODY[:9], "more_body": True},
            {"type": "http.disconnect"},
        ],
    )

    assert sent == []
    assert autoencoder.batches == []


def test_the_limit_holds_before_the_body_has_ended(client: Client) -> None:
    """A body without end is refused as soon as it is too large."""
    endless = {"type": "http.request", "body": bytes(1000), "more_body": True}
    start, body = send(client, [endless] * 5)

    assert start["status"] == 413
    assert json.loads(body["body"])["type"] == "urn:vae-service:problem:body-too-large"


@pytest.mark.parametrize(
    ("path", "root_path", "status"),
    [("/vae/encode", "/vae", 200), ("/other/encode", "/vae", 404)],
)
def test_a_prefix_that_a_proxy_adds_is_left_out(
    client: Client, path: str, root_path: str, status: int
) -> None:
    """ASGI's root_path is a part of the path."""
    messages: list[Message] = [
        {"type": "http.request", "body": BODY, "more_body": False}
    ]
    start, _ = send(client, messages, path=path, root_path=root_path)

    assert start["status"] == status


@pytest.mark.parametrize(
    ("content", "detail"),
    [(b"[" * 300, "nested more than 200 deep"), (b"9" * 5000, "out of range")],
)
def test_depth_and_digits_are_bounded(content: bytes, detail: str) -> None:
    """By the parser, and its refusal says so."""
    with pytest.raises(ProblemError, match=detail):
        parse_json(content, max_parts=1000, max_members=1000)


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("/generate", b"{", b"}"),
        ("/arithmetic", b'{"terms":[{', b"}]}"),
        ("/v2/models/encoder/infer", b"{", b"}"),
        ("/v2/models/encoder/infer", b'{"inputs":[{', b"}]}"),
        ("/v2/models/encoder/infer", b'{"inputs":[],"outputs":[{', b"}]}"),
        ("/v2/models/encoder/infer", b'{"inputs":[],"parameters":{', b"}}"),
    ],
)
def test_very_many_names_are_rejected_unread(
    client: Client, path: str, before: bytes, after: bytes
) -> None:
    """Wherever they are: to reject them one by one would take a fifth of a second."""
    names = b",".join(b'"%d":1' % number for number in range(400))

    check_members(client, path, before + names + after)


@pytest.mark.parametrize("item", [b"{}", b"[]", b'{"name":1}'])
def test_very_many_objects_are_rejected_unread(client: Client, item: bytes) -> None:
    """The garbage collector would look at them all."""
    path = "/v2/models/encoder/infer"

    check_members(client, path, b'{"outputs":[' + b",".join([item] * 310) + b"]}")


def check_members(client: Client, path: str, content: bytes) -> None:
    """Check that a body is rejected for its number of names, arrays and objects."""
    message = {"type": "http.request", "body": content}
    start, body = send(client, [message], path=path)

    assert start["status"] == 422
    detail = json.loads(body["body"])["detail"]
    assert "names, arrays and objects; the limit is" in detail or "values and" in detail
