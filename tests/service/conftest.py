"""Client of an application with the fake autoencoder."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.app import build_app, create_app, served_model
from service.model.repository import LoadedModels
from service.model.statistics import LatentStatistics
from service.server.middleware import RequestMiddleware
from service.settings import Settings
from tests.samples import SQUARE, FakeAutoencoder, fake_card, ink_card

Json = dict[str, Any]


@dataclass
class Client:
    """Sends requests to an application without a socket."""

    app: RequestMiddleware

    def get(self, path: str) -> httpx.Response:
        """Send a GET request."""
        return self.request("GET", path)

    def post(self, path: str, body: object) -> httpx.Response:
        """Send a JSON body."""
        return self.request("POST", path, json=body)

    def send(
        self, path: str, content: bytes, content_type: str = "application/json"
    ) -> httpx.Response:
        """Send a body of any media type."""
        headers = {"Content-Type": content_type}
        return self.request("POST", path, content=content, headers=headers)

    def operate(self, path: str, /, **fields: object) -> Json:
        """Send the fields of a request as JSON and return the response's.

        Check that the request succeeds.
        """
        response = self.post(path, fields)
        assert response.status_code == 200, response.text
        body: Json = response.json()
        return body

    def problem(
        self, status: int, kind: str, method: str, path: str, **options: Any
    ) -> Json:
        """Send a request and return its problem.

        Check that the request is rejected with this status and this type of problem.
        """
        response = self.request(method, path, **options)
        body: Json = response.json()
        assert response.status_code == status
        assert response.headers["content-type"] == "application/problem+json"
        assert body["status"] == status
        assert body["type"] == f"urn:vae-service:problem:{kind}"
        assert body["title"]
        assert body["detail"]
        return body

    def invalid(self, path: str, **options: Any) -> Json:
        """Send a POST request whose body is invalid and return its problem."""
        return self.problem(422, "invalid-request", "POST", path, **options)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send any request."""

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://service"
            ) as client:
                return await client.request(method, path, **options)

        return asyncio.run(send())


@pytest.fixture
def settings() -> Settings:
    """Settings with small limits, which are easy to reach."""
    return Settings(
        workers=1,
        max_items=12,
        max_body_bytes=4096,
        max_image_bytes=2048,
        max_latent=10.0,
    )


@pytest.fixture
def client(settings: Settings, autoencoder: FakeAutoencoder) -> Client:
    """Client of an application with the fake autoencoder."""
    return Client(create_app(settings, autoencoder))


@pytest.fixture
def ink_client(settings: Settings) -> Client:
    """Client of an application whose model's images are fitted by their ink."""
    return Client(create_app(settings, FakeAutoencoder(ink_card())))


@pytest.fixture
def square() -> FakeAutoencoder:
    """A model of images of 3 x 3 pixels, without statistics or an inspector."""
    card = fake_card()
    size = {"height": 3, "width": 3}
    changes = {
        "name": "squares",
        "title": "Squares",
        "image": card.image.model_copy(update=size),
        "latent_size": 9,
        "labels": [],
        "examples": [SQUARE, SQUARE],
    }
    return FakeAutoencoder(
        card.model_copy(update=changes), LatentStatistics.unknown(9), calibration=None
    )


@pytest.fixture
def several(
    settings: Settings,
    tmp_path: Path,
    autoencoder: FakeAutoencoder,
    square: FakeAutoencoder,
) -> Client:
    """Client of an application with two models; a third could not be loaded."""
    settings = settings.model_copy(update={"models": tmp_path})
    models = {
        "fake": served_model(settings, "fake", autoencoder),
        "square": served_model(settings, "square", square),
    }
    return Client(build_app(settings, LoadedModels("fake", models, {"bad": "half"})))
