"""API keys, CORS, allowed hosts, trusted proxies and security headers."""

from collections.abc import Iterator

import httpx
import pytest

from tests.end_to_end.server import Server, serve
from tests.samples import card_examples

FIRST_KEY = "the-first-key-of-two"
SECOND_KEY = "the-second-key-of-two"
FILE_KEY = "a-key-out-of-a-file"
KEYS = (FIRST_KEY, SECOND_KEY, FILE_KEY)
IMAGES = {"images": card_examples()[:1]}
ORIGIN = "https://example.org"
ALLOWED_ORIGIN = "access-control-allow-origin"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Server with three API keys and one CORS origin."""
    path = tmp_path_factory.mktemp("keys") / "keys"
    path.write_text(f"{FILE_KEY}\n")
    with serve(
        "--workers", "1", "--api-keys-file", str(path), "--cors-origins", ORIGIN,
        VAE_API_KEYS=f"{FIRST_KEY},{SECOND_KEY}",
    ) as server:  # fmt: skip
        yield server


@pytest.fixture(scope="module")
def default_server() -> Iterator[Server]:
    """Server with default settings."""
    with serve("--workers", "1") as server:
        yield server


@pytest.mark.parametrize("key", KEYS)
def test_each_key_is_accepted_in_both_headers(server: Server, key: str) -> None:
    """Several keys are valid at once, so that one can be replaced while in use."""
    with server.client() as client:
        for headers in (
            {"Authorization": f"Bearer {key}"},
            {"authorization": f"bearer  {key}"},
            {"X-API-Key": key},
        ):
            response = client.post("/encode", json=IMAGES, headers=headers)
            assert response.status_code == 200


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
def test_requests_without_a_valid_key_are_rejected(
    server: Server, path: str, headers: dict[str, str | bytes]
) -> None:
    """The response is the same whether the path exists or not."""
    given = httpx.Headers(headers)  # type: ignore[arg-type]  # bytes too
    with server.client() as client:
        response = client.post(path, json=IMAGES, headers=given)
    problem = response.json()

    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert problem["type"] == "urn:vae-service:problem:unauthorized"
    assert problem["request_id"] == response.headers["x-request-id"]


def test_probes_need_no_key(server: Server) -> None:
    """Load balancers and orchestrators have none."""
    with server.client() as client:
        assert client.get("/livez").status_code == 200
        assert client.get("/readyz").status_code == 200


def test_keys_are_never_logged(server: Server) -> None:
    """Neither valid nor invalid ones are."""
    headers = {"X-API-Key": "a-bad-key-not-to-be-logged", "X-Request-ID": "the-last"}
    with server.client() as client:
        client.get("/model", headers=headers)
    server.log.wait_for("the-last")
    log = "".join(server.log.lines)

    for key in (*KEYS, "a-bad-key"):
        assert key not in log


def test_a_page_of_the_configured_origin_may_send_requests(server: Server) -> None:
    """The preflight needs no key; the request does."""
    preflight_headers = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,x-api-key",
    }
    headers = {"Origin": ORIGIN}
    with_key = {"Origin": ORIGIN, "X-API-Key": FIRST_KEY}
    with server.client() as client:
        preflight = client.options("/encode", headers=preflight_headers)
        accepted = client.post("/encode", json=IMAGES, headers=with_key)
        rejected = client.post("/encode", json=IMAGES, headers=headers)

    assert preflight.status_code == 200
    assert accepted.status_code == 200
    for response in (preflight, accepted, rejected):
        assert response.headers[ALLOWED_ORIGIN] == ORIGIN


@pytest.mark.parametrize(
    "origin",
    ["https://example.com", f"{ORIGIN}.example.com", "http://example.org", "null"],
)
def test_a_page_of_another_origin_may_not_read_responses(
    server: Server, origin: str
) -> None:
    """Origins with another scheme, or with the configured one as prefix, are others."""
    headers = {"Origin": origin, "X-API-Key": FIRST_KEY}
    with server.client() as client:
        response = client.post("/encode", json=IMAGES, headers=headers)

    assert ALLOWED_ORIGIN not in response.headers


def test_by_default_nothing_is_restricted_and_no_proxy_is_trusted() -> None:
    """CORS, allowed hosts and API keys are off as well."""
    headers = {
        "Origin": ORIGIN,
        "Host": "any.example",
        "X-Forwarded-For": "203.0.113.9",
    }
    with serve("--workers", "1") as server, server.client() as client:
        response = client.get("/model", headers=headers)
        server.log.wait_for('"client": "127.0.0.1", "method": "GET", "route": "/model"')

    assert response.status_code == 200
    assert ALLOWED_ORIGIN not in response.headers


def test_requests_for_other_hosts_are_rejected() -> None:
    """Case and port do not matter. Probes may use an address."""
    with (
        serve("--workers", "1", "--allowed-hosts", "vae.example,localhost") as server,
        server.client() as client,
    ):
        for host in ("vae.example", "VAE.example:8000"):
            assert client.get("/model", headers={"Host": host}).status_code == 200
        for host in ("evil.example", "vae"):
            response = client.get("/model", headers={"Host": host})
            assert response.status_code == 400
            assert response.json()["type"] == "urn:vae-service:problem:bad-request"
        probe = client.get("/readyz", headers={"Host": "10.0.0.1:8000"})
        assert probe.status_code == 200


def test_a_trusted_proxy_names_the_client() -> None:
    """The log has the address from X-Forwarded-For."""
    with (
        serve("--workers", "1", "--trusted-proxies", "127.0.0.1") as server,
        server.client() as client,
    ):
        client.get("/model", headers={"X-Forwarded-For": "203.0.113.9"})
        server.log.wait_for('"client": "203.0.113.9"')


def test_an_invalid_client_address_is_not_logged() -> None:
    """A trusted proxy may pass on text from its client, which could forge log lines."""
    with (
        serve("--workers", "1", "--trusted-proxies", "*") as server,
        server.client() as client,
    ):
        client.get("/model", headers={"X-Forwarded-For": '", "level": "error'})
        server.log.wait_for('"client": "-"')


def test_the_documentation_has_the_prefix_of_a_proxy() -> None:
    """Addresses in the schema and on the page are those of the proxy."""
    with (
        serve("--workers", "1", "--root-path", "/vae") as server,
        server.client() as client,
    ):
        assert client.post("/encode", json=IMAGES).status_code == 200
        assert client.get("/openapi.json").json()["servers"] == [{"url": "/vae"}]
        assert "/vae/docs-assets/swagger-ui-bundle.js" in client.get("/docs").text
        server.log.wait_for('"route": "/openapi.json"')


def test_documentation_and_metrics_may_need_no_key() -> None:
    """Paths that only begin like theirs need one."""
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
def test_every_response_has_security_headers(path: str, default_server: Server) -> None:
    """The header that names the server software is absent."""
    with default_server.client() as client:
        headers = client.get(path).headers
    policy = headers["content-security-policy"]

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-inline' 'sha" not in policy
    assert "server" not in headers
