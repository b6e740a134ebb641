"""Keys, origins, hosts, proxies, and the headers that go with each answer."""

from collections.abc import Iterator

import httpx
import pytest

from tests.end_to_end.server import Server, serve
from tests.samples import card_examples

FIRST_KEY, SECOND_KEY, FILE_KEY = (
    "the-first-key-of-two",
    "the-second-key-of-two",
    "a-key-out-of-a-file",
)
IMAGES = {"images": card_examples()[:1]}
ORIGIN = "https://example.org"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that asks for keys and knows one origin."""
    path = tmp_path_factory.mktemp("keys") / "keys"
    path.write_text(f"{FILE_KEY}\n")
    with serve(
        "--workers", "1", "--api-keys-file", str(path), "--cors-origins", ORIGIN,
        VAE_API_KEYS=f"{FIRST_KEY},{SECOND_KEY}",
    ) as server:  # fmt: skip
        yield server


@pytest.mark.parametrize("key", [FIRST_KEY, SECOND_KEY, FILE_KEY])
def test_each_key_opens_in_both_ways(server: Server, key: str) -> None:
    """Several keys hold at once, so that one can be replaced while both are in use."""
    with server.client() as client:
        for headers in (
            {"Authorization": f"Bearer {key}"},
            {"authorization": f"bearer  {key}"},
            {"X-API-Key": key},
        ):
            assert (
                client.post("/encode", json=IMAGES, headers=headers).status_code == 200
            )


@pytest.mark.parametrize(
    "path", ["/encode", "/model", "/metrics", "/docs", "/openapi.json", "/nothing"]
)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-API-Key": FIRST_KEY[:-1]},
        {"X-API-Key": f"{FIRST_KEY}x"},
        {"Authorization": FIRST_KEY},
        {"Authorization": f"Basic {FIRST_KEY}"},
        {"X-API-Key": b"\xff\xfe"},
    ],
)
def test_nothing_else_opens(
    server: Server, path: str, headers: dict[str, str | bytes]
) -> None:
    """All but the probes is closed, without telling whether there is anything behind it."""
    with server.client() as client:
        answer = client.post(path, json=IMAGES, headers=httpx.Headers(headers))  # type: ignore[arg-type]  # bytes too

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["type"] == "urn:vae-service:problem:unauthorized"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_probes_need_no_key(server: Server) -> None:
    """Whoever asks them has no secrets to keep."""
    with server.client() as client:
        assert (
            client.get("/livez").status_code == client.get("/readyz").status_code == 200
        )


def test_no_key_is_ever_logged(server: Server) -> None:
    """Neither a good one nor a bad one."""
    with server.client() as client:
        client.get(
            "/model",
            headers={
                "X-API-Key": "a-bad-key-not-to-be-logged",
                "X-Request-ID": "the-last",
            },
        )
    server.log.wait_for("the-last")
    log = "".join(server.log.lines)

    assert not any(key in log for key in (FIRST_KEY, SECOND_KEY, FILE_KEY, "a-bad-key"))


def test_a_page_of_the_origin_may_ask_and_call(server: Server) -> None:
    """The question before a request brings no key; the request does."""
    with server.client() as client:
        asked = client.options(
            "/encode",
            headers={
                "Origin": ORIGIN,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "content-type,x-api-key",
            },
        )
        called = client.post(
            "/encode", json=IMAGES, headers={"Origin": ORIGIN, "X-API-Key": FIRST_KEY}
        )
        refused = client.post("/encode", json=IMAGES, headers={"Origin": ORIGIN})

    assert asked.status_code == called.status_code == 200
    assert {
        answer.headers["access-control-allow-origin"]
        for answer in (asked, called, refused)
    } == {ORIGIN}


def test_a_page_of_another_origin_may_not(server: Server) -> None:
    """Not even of one that begins like it."""
    with server.client() as client:
        for origin in (
            "https://example.com",
            f"{ORIGIN}.example.com",
            "http://example.org",
            "null",
        ):
            answer = client.post(
                "/encode",
                json=IMAGES,
                headers={"Origin": origin, "X-API-Key": FIRST_KEY},
            )
            assert "access-control-allow-origin" not in answer.headers


def test_without_the_setting_no_origin_may() -> None:
    """CORS is off by default; so are hosts, keys and trust in proxies."""
    with serve("--workers", "1") as server, server.client() as client:
        answer = client.get(
            "/model",
            headers={
                "Origin": ORIGIN,
                "Host": "any.example",
                "X-Forwarded-For": "203.0.113.9",
            },
        )
        server.log.wait_for('"client": "127.0.0.1", "method": "GET", "route": "/model"')

    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


def test_only_named_hosts_are_answered_for() -> None:
    """In any case and with any port; probes go by address."""
    with (
        serve("--workers", "1", "--allowed-hosts", "vae.example,localhost") as server,
        server.client() as client,
    ):
        for host, status in (
            ("vae.example", 200),
            ("VAE.example:8000", 200),
            ("evil.example", 400),
            ("vae", 400),
        ):
            answer = client.get("/model", headers={"Host": host})
            assert answer.status_code == status
        assert answer.json()["type"] == "urn:vae-service:problem:bad-request"
        assert (
            client.get("/readyz", headers={"Host": "10.0.0.1:8000"}).status_code == 200
        )


def test_a_trusted_proxy_tells_the_client() -> None:
    """Its X-Forwarded-For is what the log calls the client."""
    with (
        serve("--workers", "1", "--trusted-proxies", "127.0.0.1") as server,
        server.client() as client,
    ):
        client.get("/model", headers={"X-Forwarded-For": "203.0.113.9"})
        server.log.wait_for('"client": "203.0.113.9"')


def test_an_address_that_is_none_is_not_logged() -> None:
    """Whoever is trusted may hand on what a client made up; it could write what it likes into the log."""
    with (
        serve("--workers", "1", "--trusted-proxies", "*") as server,
        server.client() as client,
    ):
        client.get("/model", headers={"X-Forwarded-For": '", "level": "error'})
        server.log.wait_for('"client": "-"')


def test_a_prefix_that_a_proxy_takes_off_is_told_to_clients() -> None:
    """The schema and the page name addresses as the proxy's clients see them."""
    with (
        serve("--workers", "1", "--root-path", "/vae") as server,
        server.client() as client,
    ):
        assert client.post("/encode", json=IMAGES).status_code == 200
        assert client.get("/openapi.json").json()["servers"] == [{"url": "/vae"}]
        assert "/vae/docs-assets/swagger-ui-bundle.js" in client.get("/docs").text
        server.log.wait_for('"route": "/openapi.json"')


def test_docs_and_metrics_are_open_when_that_is_set() -> None:
    """And nothing beside them."""
    flags = ("--workers", "1", "--docs-without-key", "--metrics-without-key")
    with serve(*flags, VAE_API_KEYS=FIRST_KEY) as server, server.client() as client:
        for path in (
            "/docs",
            "/",
            "/openapi.json",
            "/docs-assets/swagger-ui.css",
            "/metrics",
        ):
            assert client.get(path).status_code == 200
        for path in ("/model", "/docsx", "/metrics2", "/docs/../model"):
            assert client.get(path).status_code == 401


@pytest.mark.parametrize("path", ["/livez", "/model", "/nothing", "/docs"])
def test_every_answer_has_the_security_headers(path: str, plain: Server) -> None:
    """Whatever is asked for, found or not."""
    with plain.client() as client:
        headers = client.get(path).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe-inline' 'sha" not in headers["content-security-policy"]
    assert "server" not in headers


@pytest.fixture(scope="module")
def plain() -> Iterator[Server]:
    """A server as it comes."""
    with serve("--workers", "1") as server:
        yield server
