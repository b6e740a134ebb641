"""Where the rooms are joined."""

from fastapi_offline import FastAPIOffline
from starlette.types import ASGIApp

from service import __version__
from service.api import errors as problems
from service.api.admission import Admission
from service.api.auth import ApiKeyMiddleware, CorsMiddleware
from service.api.middleware import RequestMiddleware
from service.api.route import Shortcut
from service.api.routes import (
    OPERATIONS,
    RELOAD_PATH,
    add_reload,
    operation_routes,
    status_router,
)
from service.api.state import AppState
from service.model.autoencoder import Autoencoder
from service.model.onnx_autoencoder import OnnxAutoencoder
from service.observability.logs import AccessLog
from service.observability.metrics import Metrics
from service.observability.tracing import telemetry, tracer_provider
from service.oip import routes as inference_protocol
from service.oip.routes import infer_routes, protocol_router
from service.openapi import pages
from service.openapi import schema as docs
from service.operations.fields import Limits
from service.settings import Settings


def create_state(settings: Settings, access_log: AccessLog | None = None) -> AppState:
    """What applications of these settings share with their server. To be made before workers are forked.

    Raises TelemetryError.
    """
    status_paths = [route.path for route in status_router.routes]  # type: ignore[attr-defined]
    routes = [
        *OPERATIONS,
        RELOAD_PATH,
        *status_paths,
        *inference_protocol.PATHS,
        *pages.PATHS,
    ]
    metrics = Metrics(
        routes, [kind.name for kind in problems.PROBLEM_TYPES], settings.workers
    )
    admission = Admission(settings.max_pending_images, settings.max_body_bytes, metrics)
    provider = (
        tracer_provider(settings.otlp_endpoint) if settings.otlp_endpoint else None
    )
    return AppState(metrics, admission, access_log, provider)


def create_app(
    settings: Settings, autoencoder: Autoencoder, state: AppState
) -> RequestMiddleware:
    """The application that serves an autoencoder.

    Raises ValueError if the API keys cannot be read, ModelLoadError if the model card's examples cannot.
    """
    _, height, width = autoencoder.card.image_shape
    limits = Limits(
        image_height=height,
        image_width=width,
        latent_size=autoencoder.card.latent_size,
        max_items=settings.max_items,
        max_image_bytes=settings.max_image_bytes,
        max_image_pixels=settings.max_image_pixels,
        max_latent=settings.max_latent,
        max_body_bytes=settings.max_body_bytes,
        labels=tuple(autoencoder.statistics.labels),
    )
    app = FastAPIOffline(
        title="vae-service",
        version=__version__,
        redirect_slashes=False,
        swagger_ui_parameters=pages.SWAGGER_UI,
        telemetry=telemetry(state.tracer_provider),
    )
    app.state.autoencoder = autoencoder
    app.state.shared = state
    problems.install(app)
    routes = [
        *operation_routes(autoencoder, limits, state),
        *infer_routes(autoencoder, limits, state.admission),
    ]
    app.router.routes += routes
    app.include_router(protocol_router(limits))
    app.include_router(status_router)
    if settings.reload_endpoint:
        add_reload(app)
    keys = settings.keys()
    pages.complete(app)
    docs.complete(app, limits, autoencoder, routes, keys_needed=bool(keys))
    # Traces are made by FastAPI.
    inner = Shortcut(app, routes) if state.tracer_provider is None else app
    return RequestMiddleware(guarded(inner, settings, keys), state)


def guarded(app: ASGIApp, settings: Settings, keys: tuple[bytes, ...]) -> ASGIApp:
    """The application behind host names, keys and origins, where they are set."""
    if keys or settings.allowed_hosts:
        open_paths = [
            *(pages.PATHS if settings.docs_without_key else ()),
            *(["/metrics"] if settings.metrics_without_key else ()),
        ]
        app = ApiKeyMiddleware(app, settings.allowed_hosts, keys, open_paths)
    if (
        settings.cors_origins
    ):  # outermost: a browser's question before a request brings no key
        app = CorsMiddleware(
            app,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=[
                "Authorization",
                "Content-Type",
                "X-API-Key",
                "X-Request-ID",
            ],
            expose_headers=["X-Request-ID", "Server-Timing", "Retry-After"],
        )
    return app


def load_app(settings: Settings, state: AppState) -> RequestMiddleware:
    """The application that serves the model that the settings name. Raises ModelLoadError or ValueError."""
    return create_app(settings, OnnxAutoencoder.load(settings.model), state)
