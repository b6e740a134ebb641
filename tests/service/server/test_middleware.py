"""Every answer has its id and its headers; what the client asked for stays as it was."""

import re

import pytest

from service.app import create_app
from service.settings import Settings
from tests.samples import FIRST, FakeAutoencoder
from tests.service.conftest import Client


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/livez", 200),
        ("GET", "/nothing", 404),
        ("GET", "/encode", 405),
        ("POST", "/encode", 415),
    ],
)
def test_every_answer_has_an_id_and_security_headers(
    client: Client, method: str, path: str, status: int
) -> None:
    """Found or not, taken or refused."""
    answer = client.request(method, path)

    assert answer.status_code == status
    assert re.fullmatch(
        r"[0-9a-f]{8}-[0-9a-f]+-[0-9a-f]+", answer.headers["x-request-id"]
    )
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert (
        answer.headers["content-security-policy"]
        == "default-src 'none'; frame-ancestors 'none'"
    )
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Range": "bytes=0-9"}, 206), ({"Range": "bytes=99999999-"}, 416), ({}, 304)],
)
def test_whatever_the_files_of_the_documentation_are_answered_with_is_counted(
    settings: Settings,
    autoencoder: FakeAutoencoder,
    headers: dict[str, str],
    status: int,
) -> None:
    """Parts of them, and that they are as they were."""
    client = Client(create_app(settings, autoencoder))
    state = client.app.state
    path = "/docs-assets/swagger-ui.css"
    tag = client.get(path).headers["etag"]
    answer = client.request("GET", path, headers=headers or {"If-None-Match": tag})

    assert answer.status_code == status
    assert f'route="other",status="{status}"' in state.metrics.text({}).decode()


def test_an_error_of_the_service_has_its_id_too(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that its traceback can be found in the log."""

    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("service.model.batching.BatchScheduler.run", fail)
    answer = client.request(
        "POST", "/encode", json={"images": [FIRST]}, headers={"X-Request-ID": "mine"}
    )

    assert (
        answer.status_code,
        answer.headers["x-request-id"],
        answer.json()["request_id"],
    ) == (500, "mine", "mine")


def test_every_route_has_a_label_of_its_own(
    settings: Settings, autoencoder: FakeAutoencoder
) -> None:
    """None is counted as other but what is not there, the reload among the rest."""
    settings = settings.model_copy(update={"reload_endpoint": True})
    client = Client(create_app(settings, autoencoder))
    state = client.app.state
    page = client.get("/openapi.json").json()
    for path, methods in page["paths"].items():
        if path != "/model/reload":  # it would send a signal
            for method in methods:
                client.request(method, path)
    for path in ("/docs", "/", "/openapi.json"):
        client.get(path)

    assert 'route="other"' not in state.metrics.text({}).decode()


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/json", 200),
        ("*/*", 200),
        ("text/html, application/*;q=0.5", 200),
        ("application/json; charset=utf-8", 200),
        ("image/png", 406),
        ("text/html, application/json;q=0", 406),
        ("", 406),
    ],
)
def test_json_goes_only_to_who_takes_it(
    client: Client, accept: str, status: int
) -> None:
    """As Accept says (RFC 9110, 12.5.1)."""
    answer = client.request(
        "POST", "/encode", json={"images": [FIRST]}, headers={"Accept": accept}
    )

    assert answer.status_code == status
    if status == 406:
        assert answer.json()["type"] == "urn:vae-service:problem:not-acceptable"


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Encoding": "br"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": "application/json; charset=utf-16"},
    ],
)
def test_only_plain_utf_8_is_read(client: Client, headers: dict[str, str]) -> None:
    """No other encoding is guessed at."""
    content = f'{{"images": ["{FIRST}"]}}'.encode()
    answer = client.request(
        "POST",
        "/encode",
        content=content,
        headers={"Content-Type": "application/json", **headers},
    )

    assert answer.status_code == 415


def test_an_image_has_a_limit_of_its_own(client: Client) -> None:
    """It is named, with the setting, before anything is decoded."""
    answer = client.post("/encode", {"images": ["A" * 2049]})

    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {
            "pointer": "#/images/0",
            "detail": "must have at most 2048 bytes of base64 (VAE_MAX_IMAGE_BYTES); has 2049",
        }
    ]
