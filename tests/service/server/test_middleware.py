"""Every response has a request id and security headers, and is counted by its route."""

import re

import pytest

from service.app import create_app
from service.observability.exposition import metrics_text
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
def test_every_response_has_an_id_and_security_headers(
    client: Client, method: str, path: str, status: int
) -> None:
    """Rejections have them too."""
    response = client.request(method, path)
    headers = response.headers

    policy = "default-src 'none'; frame-ancestors 'none'"
    assert response.status_code == status
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]+-[0-9a-f]+", headers["x-request-id"])
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == policy
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Range": "bytes=0-9"}, 206), ({"Range": "bytes=99999999-"}, 416), ({}, 304)],
)
def test_all_statuses_of_static_files_are_counted(
    settings: Settings,
    autoencoder: FakeAutoencoder,
    headers: dict[str, str],
    status: int,
) -> None:
    """Ranges and unchanged files have statuses that no other route has."""
    client = Client(create_app(settings, autoencoder))
    state = client.app.state
    path = "/docs-assets/swagger-ui.css"
    tag = client.get(path).headers["etag"]
    response = client.request("GET", path, headers=headers or {"If-None-Match": tag})

    assert response.status_code == status
    assert (
        f'route="other",status="{status}"' in metrics_text(state.metrics, []).decode()
    )


def test_the_response_to_an_unexpected_error_has_the_id(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The id leads to the traceback in the log."""

    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("service.model.batching.BatchScheduler.run", fail)
    response = client.request(
        "POST", "/encode", json={"images": [FIRST]}, headers={"X-Request-ID": "mine"}
    )

    assert response.status_code == 500
    assert response.headers["x-request-id"] == "mine"
    assert response.json()["request_id"] == "mine"


def test_every_route_has_its_own_label(
    settings: Settings, autoencoder: FakeAutoencoder
) -> None:
    """Only unknown paths are counted as other."""
    settings = settings.model_copy(update={"reload_endpoint": True})
    client = Client(create_app(settings, autoencoder))
    state = client.app.state
    schema = client.get("/openapi.json").json()
    for path, methods in schema["paths"].items():
        if path != "/model/reload":  # it would send a signal
            for method in methods:
                client.request(method, path)
    for path in ("/docs", "/", "/openapi.json"):
        client.get(path)

    assert 'route="other"' not in metrics_text(state.metrics, []).decode()
