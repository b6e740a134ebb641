"""Where the rooms are joined."""

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from service import __version__
from service.api import docs, problems
from service.api.routes import operation_routes, status_router
from service.api.schemas import Limits
from service.model.autoencoder import Autoencoder
from service.model.onnx_autoencoder import OnnxAutoencoder
from service.settings import Settings

DESCRIPTION = """\
A variational autoencoder turns an image into a point of a small latent space and back.
`GET /model` tells which one this is. Every refusal is an `application/problem+json` that names the field.
"""
TELEMETRY = ("tracing", "metrics", "logs")  # FastAPI asks for a provider of each at every request: 2.7 us


def create_app(settings: Settings, autoencoder: Autoencoder) -> FastAPI:
    """The application that serves an autoencoder."""
    _, height, width = autoencoder.card.image_shape
    limits = Limits(
        image_height=height,
        image_width=width,
        latent_size=autoencoder.card.latent_size,
        max_items=settings.max_items,
        max_latent=settings.max_latent,
        max_body_bytes=settings.max_body_bytes,
    )
    app = FastAPIOffline(
        title="vae-service", version=__version__, description=DESCRIPTION, telemetry=dict.fromkeys(TELEMETRY, False)
    )
    problems.install(app)
    app.router.routes[:0] = operation_routes(autoencoder, limits)  # first: a request is held against each in turn
    app.include_router(status_router(autoencoder))
    docs.complete(app, limits, autoencoder)
    return app


def load_app(settings: Settings) -> FastAPI:
    """The application that serves the model that the settings name. Raises ModelLoadError."""
    return create_app(settings, OnnxAutoencoder.load(settings.model))
