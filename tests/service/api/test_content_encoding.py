"""Compressed bodies."""

import gzip
import json
import zlib

import httpx
import pytest

from service.api.content_encoding import check_encoding, decompress
from service.api.errors import ProblemError
from tests.samples import FIRST
from tests.service.conftest import Client

BODY = json.dumps({"images": [FIRST]}).encode()
RAW = zlib.compressobj(wbits=-15)
JSON = {"Content-Type": "application/json"}


def send(client: Client, content: bytes, encoding: str) -> httpx.Response:
    """Send a body to /encode."""
    headers = JSON | {"Content-Encoding": encoding}
    return client.request("POST", "/encode", content=content, headers=headers)


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("gzip", gzip.compress(BODY)),
        ("GZIP", gzip.compress(BODY)),
        ("x-gzip", gzip.compress(BODY)),
        ("gzip, identity", gzip.compress(BODY)),
        ("deflate", zlib.compress(BODY)),
        ("identity", BODY),
        ("Identity", BODY),
        ("", BODY),
    ],
)
def test_a_body_may_be_compressed(
    client: Client, encoding: str, content: bytes
) -> None:
    """The response is the same as to the plain body."""
    response = send(client, content, encoding)
    expected = client.post("/encode", {"images": [FIRST]})

    assert (response.status_code, response.json()) == (200, expected.json())


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "x", "gzip;q=1"])
def test_another_encoding_is_rejected_with_those_accepted(
    client: Client, encoding: str
) -> None:
    """Accept-Encoding lists them (RFC 9110, 12.5.3)."""
    response = send(client, BODY, encoding)

    assert response.status_code == 415
    assert response.headers["accept-encoding"] == "gzip, deflate, identity"
    assert response.json()["detail"] == (
        f"Content-Encoding must be gzip, deflate or identity; is {encoding}"
    )


def test_a_body_that_unpacks_to_more_than_the_limit_is_too_large(
    client: Client,
) -> None:
    """The limit is of the unpacked body."""
    assert send(client, gzip.compress(BODY + b" " * 3000), "gzip").status_code == 200
    for content in (gzip.compress(bytes(4097)), gzip.compress(bytes(1_000_000))):
        headers = JSON | {"Content-Encoding": "gzip"}
        problem = client.problem(
            413,
            "body-too-large",
            "POST",
            "/encode",
            content=content,
            headers=headers,
        )
        assert "more than 4096" in problem["detail"]
    assert client.app.state.body_budget.bytes == 0


@pytest.mark.parametrize(
    ("encoding", "content", "detail"),
    [
        ("gzip", BODY, "not gzip: "),
        ("gzip", b"", "not gzip: it has no end"),
        ("gzip", gzip.compress(BODY)[:-1], "not gzip: it has no end"),
        ("gzip", gzip.compress(BODY) + b"x", "not gzip: data follow its end"),
        ("gzip", gzip.compress(b"") * 100, "not gzip: data follow its end"),
        ("gzip", zlib.compress(BODY), "not gzip: "),
        ("gzip", gzip.compress(b"no JSON"), "not JSON"),
        ("deflate", gzip.compress(BODY), "not deflate: "),
        ("deflate", RAW.compress(BODY) + RAW.flush(), "not deflate: "),
    ],
)
def test_a_damaged_body_is_rejected(
    client: Client, encoding: str, content: bytes, detail: str
) -> None:
    """The message names the encoding that the body should have."""
    response = send(client, content, encoding)

    assert response.status_code == 422
    assert response.json()["detail"].startswith(detail)
    assert client.app.state.body_budget.bytes == 0


def test_an_unpacked_body_counts_in_the_budget(client: Client) -> None:
    """The memory that it takes is larger than its compressed size."""
    state = client.app.state
    content = gzip.compress(BODY + b" " * 3000)
    state.body_budget.bytes = 16 * 4096 - 3000
    response = send(client, content, "gzip")

    assert response.status_code == 503
    assert "bodies of" in response.json()["detail"]
    assert state.body_budget.bytes == 16 * 4096 - 3000


def test_no_more_than_the_limit_is_unpacked() -> None:
    """A bomb costs as little as the limit."""
    bomb = gzip.compress(bytes(2**26))
    with pytest.raises(ProblemError, match="more than 1000 bytes"):
        decompress(bomb, b"gzip", 1000)
    assert decompress(gzip.compress(bytes(1000)), b"gzip", 1000) == bytes(1000)
    assert check_encoding(b" identity , ") == b""
