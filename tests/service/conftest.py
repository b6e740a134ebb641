"""A client of the application around the fake autoencoder."""

import asyncio
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from service.app import create_app
from service.server.middleware import RequestMiddleware
from service.settings import Settings
from tests.samples import FakeAutoencoder


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
    """Small limits, easy to reach."""
    return Settings(
        workers=1,
        max_items=12,
        max_body_bytes=4096,
        max_image_bytes=2048,
        max_latent=10.0,
    )


@pytest.fixture
def client(settings: Settings, autoencoder: FakeAutoencoder) -> Client:
    """A client of the application around the fake."""
    return Client(create_app(settings, autoencoder))
