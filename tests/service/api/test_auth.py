"""CORS: what a page of an allowed origin may send."""

import pytest

from service.app import create_app
from service.settings import Settings
from tests.samples import FakeAutoencoder
from tests.service.conftest import Client

ORIGIN = "https://page.example"


@pytest.mark.parametrize(
    "header",
    [
        "Authorization",
        "Content-Encoding",
        "Content-Type",
        "Inference-Header-Content-Length",
        "traceparent",
        "X-API-Key",
        "X-Request-ID",
    ],
)
def test_a_preflight_allows_every_header_that_the_service_reads(
    settings: Settings, autoencoder: FakeAutoencoder, header: str
) -> None:
    """Those of the inference protocol and of tracing too; no others."""
    settings = settings.model_copy(update={"cors_origins": (ORIGIN,)})
    client = Client(create_app(settings, autoencoder))

    def preflight(name: str) -> int:
        headers = {
            "Origin": ORIGIN,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": name.lower(),
        }
        path = "/v2/models/encoder/infer"
        return client.request("OPTIONS", path, headers=headers).status_code

    assert preflight(header) == 200
    assert preflight(f"{header}-other") == 400
