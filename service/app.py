"""Composition root: builds the application from its packages."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from service import __version__
from service.api.auth import ApiKeyMiddleware, CorsMiddleware
from service.api.body import BodyBudget
from service.api.errors import PROBLEM_TYPES, install_handlers
from service.api.index import PATH as INDEX
from service.api.index import index_route
from service.api.model_paths import ModelPaths
from service.api.models import models_router
from service.api.rejections import RejectionRate
from service.api.route import Dispatcher, OperationRoute
from service.api.routes import operation_routes
from service.api.state import AppState, ServedModel
from service.api.status import METRICS_PATH, probe_router, status_router
from service.imaging.codec import ImageCodec, ImageLimits
from service.imaging.pixels import BLACK, RESAMPLING_FILTERS, ImageShape
from service.imaging.preprocessing import ModelFit
from service.model.autoencoder import Backend
from service.model.card import ModelCard
from service.model.labels import label_classes
from service.model.model_folder import open_files
from service.model.onnx_autoencoder import OnnxAutoencoder
from service.model.repository import (
    LoadedModels,
    ModelRepository,
    find_models,
    model_name,
)
from service.model.sharing import ModelSchedulers
from service.observability.logs import AccessLog
from service.observability.metrics import Metrics
from service.observability.tracing import TracingMiddleware, make_tracer_provider
from service.oip.infer import infer_routes
from service.oip.repository import change_router, index_router
from service.oip.routes import graph_router, health_router, server_router
from service.openapi.routes import PAGE, documentation_routes
from service.openapi.schema import customize_openapi, example_inputs
from service.operations.cost import ImageCost
from service.operations.limits import Limits
from service.playground.files import PlaygroundFiles
from service.playground.routes import PREFIX as PLAYGROUND
from service.playground.routes import file_route, page_response
from service.server.middleware import RequestMiddleware
from service.settings import Settings

# FastAPI would look for a provider at each request; ``tracing`` makes the spans.
NO_TELEMETRY: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}


def create_app(
    settings: Settings, backend: Backend, access_log: AccessLog | None = None
) -> RequestMiddleware:
    """Build the application that serves one model, by the name in its card.

    Raises the errors of ``build_app``, and ModelLoadError if the images in the model
    card cannot be decoded.
    """
    name = backend.card.name
    model = served_model(settings, name, backend)
    return build_app(settings, LoadedModels(name, {name: model}, {}), access_log)


def build_app(
    settings: Settings,
    models: LoadedModels[ServedModel],
    access_log: AccessLog | None = None,
) -> RequestMiddleware:
    """Build the application that serves models. Call it before workers are forked.

    Raises ValueError if the API keys cannot be read, TracingError if traces cannot be
    sent.
    """
    state = AppState(
        models=models,
        schedulers=ModelSchedulers(settings.max_queue_seconds),
        body_budget=BodyBudget(settings.max_body_bytes),
        rejection_rate=RejectionRate(settings.max_queue_seconds),
        by_name=settings.models is not None,
        access_log=access_log,
        api_keys=settings.keys(),
    )
    app = fastapi_app()
    routes = build_routes(settings, state, app)
    app.router.routes = routes.in_order()
    state.start_counting(make_metrics(settings, routes))
    customize_openapi(app, state, routes.operations, paths(routes.probes))
    named = ModelPaths(app, state, routes.operations, paths(routes.of_one_model))
    inner: ASGIApp = Dispatcher(named, state, routes.operations)
    if settings.otlp_endpoint:
        inner = TracingMiddleware(inner, make_tracer_provider(settings.otlp_endpoint))
    return RequestMiddleware(protect(inner, settings, state, routes), state)


def fastapi_app() -> FastAPI:
    """Return a FastAPI application without routes of its own."""
    app = FastAPI(
        title="vae-service",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        telemetry=NO_TELEMETRY,
    )
    install_handlers(app)
    return app


class Routes(NamedTuple):
    """All routes in groups. Probes need no API key."""

    probes: list[BaseRoute]
    status: list[BaseRoute]
    documentation: list[BaseRoute]
    playground: list[BaseRoute]
    graphs: list[BaseRoute]
    operations: list[OperationRoute]

    @property
    def of_one_model(self) -> list[BaseRoute]:
        """Routes whose paths may name a model."""
        return self.graphs + list(self.operations)

    def in_order(self) -> list[BaseRoute]:
        """Return all routes, probes first, so that they are matched first."""
        return [route for group in self for route in group]


def make_metrics(settings: Settings, routes: Routes) -> Metrics:
    """Return metrics of all routes, by model if there may be several."""
    return Metrics(
        paths(routes.in_order()),
        [problem.name for problem in PROBLEM_TYPES],
        settings.workers,
        model_routes=paths(routes.operations),
        max_models=settings.models_max if settings.models else 0,
    )


def build_routes(settings: Settings, state: AppState, app: FastAPI) -> Routes:
    """Return the routes of an application."""
    status = status_router(state, reload_endpoint=settings.reload_endpoint)
    has_repository = settings.repository_endpoint
    server = server_router(state, has_repository=has_repository).routes
    repository = index_router(state).routes
    if has_repository:
        repository += change_router(state).routes
    return Routes(
        probes=probe_router(state).routes + health_router(state).routes,
        status=status.routes + models_router(state).routes + server + repository,
        documentation=documentation_routes(app, state),
        playground=playground_routes(settings, state),
        graphs=graph_router(state).routes,
        operations=operation_routes(state) + infer_routes(state),
    )


def playground_routes(settings: Settings, state: AppState) -> list[BaseRoute]:
    """Return the routes of ``/`` and, if enabled, of the playground's files."""
    routes: list[BaseRoute] = []
    page = redirect_to_documentation
    if settings.playground:
        files = PlaygroundFiles.load()
        routes.append(file_route(files))
        page = partial(page_response, files)
    needs_key = not settings.docs_without_key
    return routes + [index_route(state, page, PAGE, needs_key=needs_key)]


def redirect_to_documentation(root: str) -> Response:
    """Return a redirection of browsers to the documentation page."""
    return RedirectResponse(root + PAGE)


def served_model(settings: Settings, name: str, backend: Backend) -> ServedModel:
    """Return a model with its limits, codec and examples. Raises ModelLoadError."""
    card = backend.card
    shape = ImageShape(*card.image_shape)
    calibration = backend.calibration
    limits = Limits(
        image_shape=shape,
        latent_size=card.latent_size,
        max_items=settings.max_items,
        max_body_bytes=settings.max_body_bytes,
        max_latent=settings.max_latent,
        labels=tuple(label_classes(backend)),
        has_sampler=bool(backend.statistics.class_numbers),
        calibration_images=calibration.images if calibration else 0,
    )
    image_limits = ImageLimits(
        settings.max_image_bytes,
        settings.max_image_pixels,
    )
    codec = ImageCodec(shape, image_limits, model_fit(card))
    cost = ImageCost.of(shape, backend.cost)
    examples = example_inputs(backend, codec)
    return ServedModel(name, f"{name}.", backend, limits, codec, cost, examples)


def model_fit(card: ModelCard) -> ModelFit:
    """Return the way of a model card to fit images."""
    fit = card.fit
    background = fit.background or (BLACK,)
    resampling = RESAMPLING_FILTERS[fit.resampling]
    return ModelFit(fit.method, tuple(background), resampling)


def model_repository(settings: Settings) -> ModelRepository[ServedModel]:
    """Return the repository of the models that the settings name."""

    def open_model(name: str, path: Path) -> ServedModel:
        backend = OnnxAutoencoder.load(open_files(path))
        return served_model(settings, name, backend)

    if settings.models is None:
        one = {model_name(settings.model): settings.model}
        return ModelRepository(lambda: one, open_model)
    return ModelRepository(
        partial(find_models, settings.models),
        open_model,
        default_name=settings.default_model,
        max_models=settings.models_max,
    )


def protect(
    app: ASGIApp,
    settings: Settings,
    state: AppState,
    routes: Routes,
) -> ASGIApp:
    """Wrap an application in checks of hosts, API keys and origins, if configured."""
    if state.api_keys or settings.allowed_hosts:
        open_paths = [INDEX, PLAYGROUND]  # the index itself checks the key
        if settings.docs_without_key:
            open_paths += paths(routes.documentation)
        if settings.metrics_without_key:
            open_paths.append(METRICS_PATH)
        probes = paths(routes.probes)
        app = ApiKeyMiddleware(app, state, settings.allowed_hosts, probes, open_paths)
    if settings.cors_origins:  # outermost: a preflight has no key
        app = CorsMiddleware(
            app,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=[
                "Authorization",
                "Content-Encoding",
                "Content-Type",
                "Inference-Header-Content-Length",
                "traceparent",
                "X-API-Key",
                "X-Request-ID",
            ],
            expose_headers=["X-Request-ID", "Server-Timing", "Retry-After"],
        )
    return app


def paths(routes: Iterable[BaseRoute]) -> list[str]:
    """Return the paths of routes."""
    return [route.path for route in routes]  # type: ignore[attr-defined]  # all have one
