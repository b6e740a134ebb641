"""Compressed bodies."""

import gzip
import json
import sys
import tracemalloc
import zlib
from collections.abc import Callable

import httpx
import pytest

from service.api.content_encoding import check_encoding, decompress
from service.api.errors import ProblemError
from tests.samples import FIRST
from tests.service.conftest import Client

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

BODY = json.dumps({"images": [FIRST]}).encode()
ZSTD = zstd.compress(BODY)
EMPTY_FRAMES = zstd.compress(b"") * 100
RAW = zlib.compressobj(wbits=-15)
JSON = {"Content-Type": "application/json"}


def with_window(log: int) -> bytes:
    """Return the body as a zstd frame whose window has 2 to the power ``log`` bytes."""
    options: dict[int, int] = {zstd.CompressionParameter.window_log: log}
    compressor = zstd.ZstdCompressor(options=options)
    return compressor.compress(BODY) + compressor.flush()


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
        ("zstd", ZSTD),
        ("zstd", zstd.compress(BODY, level=19)),
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


@pytest.mark.parametrize(
    "encoding", ["br", "gzip, zstd", "gzip, gzip", "x", "gzip;q=1"]
)
def test_another_encoding_is_rejected_with_those_accepted(
    client: Client, encoding: str
) -> None:
    """Accept-Encoding lists them (RFC 9110, 12.5.3)."""
    response = send(client, BODY, encoding)

    assert response.status_code == 415
    assert response.headers["accept-encoding"] == "gzip, deflate, zstd, identity"
    assert response.json()["detail"] == (
        f"Content-Encoding must be gzip, deflate, zstd or identity; is {encoding}"
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
        ("zstd", BODY, "not zstd: "),
        ("zstd", b"", "not zstd: it has no end"),
        ("zstd", ZSTD[:-1], "not zstd: it has no end"),
        ("zstd", ZSTD + b"x", "not zstd: data follow its end"),
        ("zstd", EMPTY_FRAMES, "not zstd: data follow its end"),
        ("zstd", with_window(24), "not zstd: "),
        ("zstd", zstd.compress(b"no JSON"), "not JSON"),
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


@pytest.mark.parametrize(
    ("encoding", "compress"), [(b"gzip", gzip.compress), (b"zstd", zstd.compress)]
)
def test_no_more_than_the_limit_is_unpacked(
    encoding: bytes, compress: Callable[[bytes], bytes]
) -> None:
    """A bomb costs as little as the limit."""
    bomb = compress(bytes(2**26))
    tracemalloc.start()
    with pytest.raises(ProblemError, match="more than 1000 bytes"):
        decompress(bomb, encoding, 1000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 1_000_000
    assert decompress(compress(bytes(1000)), encoding, 1000) == bytes(1000)


def test_a_window_of_8_megabytes_is_accepted(client: Client) -> None:
    """RFC 9659 asks clients for no larger one."""
    assert send(client, with_window(23), "zstd").status_code == 200


def test_no_encoding_is_one() -> None:
    """Neither are empty names."""
    assert check_encoding(b" identity , ") == b""
