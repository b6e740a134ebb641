"""Bodies of requests: JSON, media types, limits, and the budget of all bodies."""

import asyncio

import pytest
from starlette.types import Message

from service.api.body import MAX_BODIES, BodyBudget, parse_json, read_body
from service.api.errors import OVERLOADED, ProblemError
from service.app import create_app
from service.model.autoencoder import Floats, Pixels, Posterior
from service.observability.request_context import RequestContext
from service.settings import Settings
from tests.samples import FIRST, FakeAutoencoder
from tests.service.conftest import Client

NOT_JSON: list[tuple[bytes, str]] = [
    (b"", "EOF"),
    (b'{"latents"', "EOF"),
    (b'{"latents": [[NaN, 0, 0, 0, 0, 0]]}', "expected value"),
    (b'{"latents": [[Infinity, 0, 0, 0, 0, 0]]}', "expected value"),
    (b'{"latents": [[-Infinity, 0, 0, 0, 0, 0]]}', "invalid number"),
    (b'{"latents": [[' + b"9" * 400 + b", 0, 0, 0, 0, 0]]}", "valid number"),
    (b'{"latents": [[' + b"9" * 4000 + b", 0, 0, 0, 0, 0]]}", "valid number"),
    (
        b'{"latents": [[0, 0, 0, 0, 0, 0]], "latents": [[0, 0, 0, 0, 0, 0]]}',
        'duplicate key "latents"',
    ),
    (b'\xef\xbb\xbf{"latents": []', "EOF"),
    ('{"latents": []}'.encode("utf-16"), "it is in UTF-16, and must be in UTF-8"),
    ('{"latents": []}'.encode("utf-16-be"), "it is in UTF-16-BE"),
    ('{"latents": []}'.encode("utf-32-le"), "it is in UTF-32-LE"),
    (b'{"latents": []} x', "trailing characters"),
    (b'{"latents": [[1e999, 0, 0, 0, 0, 0]]}', "finite number"),
    (b'{"latents": [["\xff"]]}', "invalid unicode"),
    (b'{"latents": [["\\ud800"]]}', "hex escape"),
    (b'{"latents": ' + b"[" * 130 + b"]" * 130 + b"}", "valid number"),
    (b"\x01", "expected value"),
]


@pytest.mark.parametrize(("content", "detail"), NOT_JSON)
def test_a_body_that_is_not_json_is_rejected(
    client: Client, content: bytes, detail: str
) -> None:
    """Whatever the bytes are, the response is a 422 that names the error."""
    headers = {"Content-Type": "application/json"}
    problem = client.invalid("/decode", content=content, headers=headers)

    assert detail.lower() in problem["detail"].lower()


@pytest.mark.parametrize(
    ("content", "detail"),
    [(b"[" * 300, "nested more than 200 deep"), (b"9" * 5000, "out of range")],
)
def test_nesting_and_digits_of_json_are_limited(content: bytes, detail: str) -> None:
    """The parser rejects more, and the message says so."""
    with pytest.raises(ProblemError, match=detail):
        parse_json(content, max_parts=1000, max_members=1000)


def test_a_byte_order_mark_is_skipped(client: Client) -> None:
    """Programs on Windows write it (RFC 8259, 8.1)."""
    content = b'\xef\xbb\xbf{"latents": [[0, 0, 0, 0, 0, 0]]}'
    expected = client.operate("/decode", latents=[[0.0] * 6])

    assert client.send("/decode", content).json() == expected


@pytest.mark.parametrize(
    "content",
    [
        '{"images": [' + "[]," * 300 + "[]]}",
        '{"images": [' + '"",' * 300 + '""]}',
        "{" + ",".join(f'"{number}": 0' for number in range(300)) + "}",
        '{"latents": [[' + "0," * 300 + "0]]}",
    ],
    ids=["lists", "strings", "names", "numbers"],
)
def test_json_with_too_many_values_and_names_is_not_parsed(
    client: Client, content: str
) -> None:
    """The limit is the largest number that 12 items can have."""
    headers = {"Content-Type": "application/json"}
    problem = client.invalid("/encode", content=content, headers=headers)

    assert "the limit is 208 (set by VAE_MAX_ITEMS)" in problem["detail"]


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "image/tiff", None],
)
def test_a_body_of_another_media_type_is_rejected(
    client: Client, content_type: str | None
) -> None:
    """The message lists the accepted types: JSON, images and forms."""
    headers = {"Content-Type": content_type} if content_type else {}
    problem = client.problem(
        415,
        "unsupported-media-type",
        "POST",
        "/encode",
        content=b'{"images": []}',
        headers=headers,
    )

    assert (content_type or "missing") in problem["detail"]
    for accepted in (
        "application/json",
        "image/png",
        "image/jpeg",
        "image/webp",
        "image/bmp",
        "image/gif",
        "multipart/",
    ):
        assert accepted in problem["detail"]


def test_json_may_name_its_charset(client: Client) -> None:
    """Case and parameters of the content type do not matter."""
    content = f'{{"images": ["{FIRST}"]}}'.encode()
    response = client.send("/encode", content, "Application/JSON; charset=utf-8")

    assert response.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Encoding": "br"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": "application/json; charset=utf-16"},
    ],
)
def test_other_encodings_are_rejected(client: Client, headers: dict[str, str]) -> None:
    """JSON must be in UTF-8, and the compression must be a known one."""
    content = f'{{"images": ["{FIRST}"]}}'.encode()
    all_headers = {"Content-Type": "application/json", **headers}
    response = client.request("POST", "/encode", content=content, headers=all_headers)

    assert response.status_code == 415


def test_a_body_that_is_too_large_is_rejected(client: Client) -> None:
    """The message names the limit and its setting."""
    body = {"images": ["A" * 5000]}
    problem = client.problem(413, "body-too-large", "POST", "/encode", json=body)

    assert "4096" in problem["detail"]
    assert "VAE_MAX_BODY_BYTES" in problem["detail"]


def test_an_image_has_its_own_limit(client: Client) -> None:
    """An image that is too large is rejected before it is decoded."""
    response = client.post("/encode", {"images": ["A" * 2833]})

    assert response.status_code == 422
    assert response.json()["errors"] == [
        {
            "pointer": "#/images/0",
            "detail": "must have at most 2832 bytes of base64 (VAE_MAX_IMAGE_BYTES); "
            "has 2833",
        }
    ]


def test_the_budget_counts_bytes_up_to_its_limit() -> None:
    """Released bytes make room for others."""
    budget = BodyBudget(max_body_bytes=100)
    budget.acquire(1600, RequestContext("first"))
    with pytest.raises(ProblemError, match="16 times VAE_MAX_BODY_BYTES"):
        budget.acquire(1, RequestContext("second"))
    budget.bytes -= 1600
    budget.acquire(1, RequestContext("second"))


async def read_unfinished(
    context: RequestContext, size: int, budget: BodyBudget
) -> bytes | None:
    """Read a body of which only these bytes arrive."""
    pieces = [{"type": "http.request", "body": bytes(size), "more_body": True}]

    async def receive() -> Message:
        if pieces:
            return pieces.pop()
        await asyncio.Event().wait()
        raise AssertionError

    return await read_body(receive, context, 2000, budget)


def test_an_unfinished_body_makes_room_for_others() -> None:
    """The largest one is rejected, rather than a request whose body is complete."""
    budget = BodyBudget(max_body_bytes=100)
    large, small, complete = map(RequestContext, ("large", "small", "complete"))

    async def run() -> list[object]:
        evicted = asyncio.create_task(read_unfinished(large, 1000, budget))
        kept = asyncio.create_task(read_unfinished(small, 600, budget))
        await asyncio.sleep(0)
        budget.acquire(50, complete)
        (problem,) = await asyncio.gather(evicted, return_exceptions=True)
        kept.cancel()
        (cancelled,) = await asyncio.gather(kept, return_exceptions=True)
        return [problem, cancelled]

    problem, cancelled = asyncio.run(run())
    assert isinstance(problem, ProblemError)
    assert problem.kind == OVERLOADED
    assert isinstance(cancelled, asyncio.CancelledError)
    assert large.held_bytes == 0
    assert small.held_bytes == 600
    assert budget.bytes == 650


def test_a_body_is_in_the_budget_until_its_response(
    settings: Settings, autoencoder: FakeAutoencoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the responses, valid or not, the whole budget is available again."""
    client = Client(create_app(settings, autoencoder))
    budget = client.app.state.body_budget
    room = MAX_BODIES * settings.max_body_bytes
    encode = autoencoder.encode

    def encode_and_check(pixels: Pixels | Floats) -> Posterior:
        with pytest.raises(ProblemError, match="16 times VAE_MAX_BODY_BYTES"):
            budget.acquire(room, RequestContext("other"))
        return encode(pixels)

    monkeypatch.setattr(autoencoder, "encode", encode_and_check)
    assert client.post("/encode", {"images": [FIRST]}).status_code == 200
    assert client.post("/encode", {"images": ["no image"]}).status_code == 422
    budget.acquire(room, RequestContext("other"))
