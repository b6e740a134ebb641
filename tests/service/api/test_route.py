"""The way of a request through its route: body in pieces, prefix, disconnect, cost."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from starlette.types import Message, Receive
from typing_extensions import override

from service.api.body import JSON, Body
from service.api.rejections import RejectionRate
from service.api.responses import ANIMATIONS, PNG
from service.api.route import has_gone
from service.api.routes import operation_routes
from service.app import create_app
from service.model.batching import FULL_BATCH
from service.observability.request_context import RequestContext
from service.settings import Settings
from tests.samples import DIGIT_COST, FIRST, SECOND, FakeAutoencoder, full_queue
from tests.service.conftest import Client, Json

BODY = json.dumps({"images": [FIRST]}).encode()
PATH: Json = {"start": {"image": FIRST}, "end": {"image": SECOND}, "steps": 5}
FIVE: Json = {"images": [FIRST] * 5}


def send(client: Client, messages: list[Message], **scope: Any) -> list[Message]:
    """Pass an encode request to the application and return the messages it sends."""
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


def test_a_body_in_pieces_is_joined(client: Client) -> None:
    """The network may split a body anywhere."""
    pieces: list[Message] = [
        {"type": "http.request", "body": BODY[start : start + 7], "more_body": True}
        for start in range(0, len(BODY), 7)
    ]
    pieces.append({"type": "http.request"})
    start, body = send(client, pieces)
    headers = dict(start["headers"])

    assert start["status"] == 200
    assert int(headers[b"content-length"]) == len(body["body"])
    assert len(json.loads(body["body"])["latents"]) == 1


def test_a_client_that_disconnects_gets_no_response(
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


def test_a_body_is_rejected_before_its_end(client: Client) -> None:
    """An endless body is rejected as soon as it is too large."""
    endless = {"type": "http.request", "body": bytes(1000), "more_body": True}
    start, body = send(client, [endless] * 5)

    assert start["status"] == 413
    assert json.loads(body["body"])["type"] == "urn:vae-service:problem:body-too-large"


@pytest.fixture
def held_while_waiting(client: Client) -> list[int]:
    """Bytes of bodies in memory at the time of each rejection that waits."""
    state = client.app.state
    held: list[int] = []

    class Watched(RejectionRate):
        @override
        async def wait(self, body_bytes: int) -> None:
            assert body_bytes
            held.append(state.body_budget.bytes)

    state.rejection_rate = Watched(max_wait_seconds=1)
    return held


@pytest.mark.parametrize(("was_read", "held"), [(True, [0]), (False, [])])
def test_a_rejected_request_waits_without_its_body(
    client: Client, held_while_waiting: list[int], *, was_read: bool, held: list[int]
) -> None:
    """What waits takes no memory; a body that was not read is rejected at once."""
    scheduler = client.app.state.scheduler
    with full_queue(scheduler):
        scheduler.is_full = not was_read
        response = client.post("/encode", FIVE)

    assert response.status_code == 503
    assert held_while_waiting == held


@pytest.mark.parametrize(("is_whole", "waits"), [(True, 1), (False, 0)])
def test_a_request_that_exceeds_the_memory_waits_if_its_body_has_arrived(
    client: Client, held_while_waiting: list[int], *, is_whole: bool, waits: int
) -> None:
    """Otherwise the connection would hold a part of it meanwhile."""
    budget = client.app.state.body_budget
    budget.bytes = 1_000_000
    message = {"type": "http.request", "body": BODY, "more_body": not is_whole}
    start, _ = send(client, [message])

    assert start["status"] == 503
    assert len(held_while_waiting) == waits
    assert budget.bytes == 1_000_000


@pytest.mark.parametrize(
    ("path", "root_path", "status"),
    [("/vae/encode", "/vae", 200), ("/other/encode", "/vae", 404)],
)
def test_the_prefix_of_a_proxy_is_removed(
    client: Client, path: str, root_path: str, status: int
) -> None:
    """In ASGI the path includes the root_path."""
    message: Message = {"type": "http.request", "body": BODY, "more_body": False}
    start, _ = send(client, [message], path=path, root_path=root_path)

    assert start["status"] == status


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
def test_a_body_with_too_many_names_is_not_parsed(
    client: Client, path: str, before: bytes, after: bytes
) -> None:
    """Rejecting them one by one would take a fifth of a second."""
    names = b",".join(b'"%d":1' % number for number in range(400))

    check_too_many_members(client, path, before + names + after)


@pytest.mark.parametrize("item", [b"{}", b"[]", b'{"name":1}'])
def test_a_body_with_too_many_objects_is_not_parsed(
    client: Client, item: bytes
) -> None:
    """The garbage collector would visit them all."""
    path = "/v2/models/encoder/infer"
    items = b",".join([item] * 310)

    check_too_many_members(client, path, b'{"outputs":[' + items + b"]}")


def check_too_many_members(client: Client, path: str, content: bytes) -> None:
    """Check that a body is rejected for its number of names, arrays and objects."""
    message = {"type": "http.request", "body": content}
    start, body = send(client, [message], path=path)

    assert start["status"] == 422
    detail = json.loads(body["body"])["detail"]
    assert "names, arrays and objects; the limit is" in detail or "values and" in detail


def receive_after_body(*, gone: bool) -> Receive:
    """Return the server's ``receive`` after the body: a disconnect, or nothing yet."""

    async def receive() -> Message:
        if not gone:
            await asyncio.get_running_loop().create_future()
        return {"type": "http.disconnect"}

    return receive


@pytest.mark.parametrize("gone", [False, True])
def test_a_client_that_has_gone_is_recognized(gone: bool) -> None:  # noqa: FBT001 - a case
    """The check does not wait for the client."""

    async def check() -> bool:
        return has_gone(receive_after_body(gone=gone))

    assert asyncio.run(check()) is gone


@pytest.mark.parametrize(
    ("path", "fields", "media_type", "heavy"),
    [
        ("/reconstruct", {"images": [FIRST]}, JSON, False),
        ("/reconstruct", {"images": [FIRST], "scale": 16}, PNG, False),
        ("/reconstruct", {**FIVE, "scale": 11}, JSON, False),
        ("/reconstruct", {**FIVE, "scale": 16}, JSON, True),
        ("/reconstruct", {**FIVE, "scale": 16.0}, PNG, True),
        ("/reconstruct", {"images": [FIRST] * 11, "scale": 10}, PNG, True),
        ("/interpolate", PATH, JSON, False),
        *(("/interpolate", PATH, media_type, True) for media_type in ANIMATIONS),
    ],
)
def test_responses_that_take_long_to_write_are_heavy(
    settings: Settings,
    autoencoder: FakeAutoencoder,
    path: str,
    fields: Json,
    media_type: bytes,
    heavy: bool,  # noqa: FBT001 - a case
) -> None:
    """Animations, and images at large scales, are written in a thread."""
    settings = settings.model_copy(update={"max_items": 256})
    state = create_app(settings, autoencoder).state
    routes = {route.path: route for route in operation_routes(state)}
    body = Body(json.dumps(fields).encode())
    context = RequestContext("test")
    model = replace(state.model, image_cost=DIGIT_COST)
    _, job = routes[path].make_job(body, media_type, model, context)

    assert (job.cost > FULL_BATCH.cost or not job.is_light()) is heavy
