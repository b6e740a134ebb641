"""Open Inference Protocol v2 over REST, for the clients of KServe and Triton.

Encoder, decoder and inspector are models, with one version each: those of the default
model, and with a prefix in their names those of each model. Shared memory, classification
and other datatypes are not supported.
"""

from collections.abc import Sequence

from fastapi import APIRouter, Request

from service.api.errors import Problem
from service.api.model_paths import model_of
from service.api.state import AppState, ServedModel
from service.api.status import check_ready
from service.oip.infer import TAG
from service.oip.model_config import ModelConfig, model_config
from service.oip.schemas import (
    Live,
    ModelMetadata,
    ModelReady,
    Ready,
    ServerMetadata,
    TensorMetadata,
)
from service.oip.specs import (
    MODEL_NAMES,
    ModelSpec,
    TensorSpec,
    model_paths,
    model_spec,
    model_specs,
)
from service.oip.statistics import Statistics, model_statistics

EXTENSIONS = ["binary_tensor_data", "model_configuration", "statistics"]
REPOSITORY_EXTENSIONS = ["model_repository", "model_repository(unload_dependents)"]


def health_router(state: AppState) -> APIRouter:
    """Return the server's probes, which need no API key."""
    router = APIRouter(tags=[TAG])

    @router.get(
        "/v2/health/live",
        operation_id="server_live",
        summary="Server liveness probe",
    )
    async def server_live() -> Live:
        """Return 200 as long as the service responds, like `/livez`."""
        return Live()

    @router.get(
        "/v2/health/ready",
        operation_id="server_ready",
        summary="Server readiness probe",
        responses={503: {"model": Problem}},
    )
    async def server_ready() -> Ready:
        """Run a real inference of the default model, like `/readyz`."""
        check_ready(state, state.model)
        return Ready()

    return router


def server_router(state: AppState, *, has_repository: bool) -> APIRouter:
    """Return the metadata of the server and the statistics of all models together.

    has_repository: whether models can be loaded and unloaded.
    """
    extensions = EXTENSIONS + REPOSITORY_EXTENSIONS if has_repository else EXTENSIONS
    router = APIRouter(tags=[TAG])

    @router.get("/v2", operation_id="server_metadata", summary="Server metadata")
    async def server_metadata(request: Request) -> ServerMetadata:
        """Name, version and extensions of the server."""
        app = request.app
        return ServerMetadata(
            name=app.title, version=app.version, extensions=extensions
        )

    add_statistics(router, state)
    return router


def graph_router(state: AppState) -> APIRouter:
    """Return the routes of each model except inference."""
    router = APIRouter(tags=[TAG])
    for name in MODEL_NAMES:
        plain, versioned = model_paths(name)
        for path in (plain, versioned):
            described = path == plain
            add_metadata(router, path, name, state, described=described)
            add_model_statistics(router, path, name, state, described=described)
            add_probe(router, path, name, state, described=described)
    return router


def add_statistics(router: APIRouter, state: AppState) -> None:
    """Add the statistics of all models together."""

    @router.get(
        "/v2/models/stats",
        operation_id="statistics",
        summary="Statistics of the models",
    )
    async def statistics() -> Statistics:
        """Requests of all workers to the models, since the service started."""
        models = [state.model]
        if state.by_name:
            models += state.models.by_name.values()
        return statistics_of(state, models)


def add_metadata(
    router: APIRouter,
    path: str,
    name: str,
    state: AppState,
    *,
    described: bool,
) -> None:
    """Add the routes that describe one model."""

    async def metadata(request: Request) -> ModelMetadata:
        """Names, datatypes and shapes of the model's tensors."""
        spec = spec_of(name, model_of(request, state))
        return model_metadata(spec)

    async def config(request: Request) -> ModelConfig:
        """Batch size and tensors of the model, as Triton describes them."""
        spec = spec_of(name, model_of(request, state))
        return model_config(spec)

    router.add_api_route(
        path,
        metadata,
        operation_id=f"{name}_metadata",
        summary=f"Metadata of the {name}",
        include_in_schema=described,
    )
    router.add_api_route(
        f"{path}/config",
        config,
        operation_id=f"{name}_config",
        summary=f"Configuration of the {name}",
        include_in_schema=described,
    )


def add_model_statistics(
    router: APIRouter,
    path: str,
    name: str,
    state: AppState,
    *,
    described: bool,
) -> None:
    """Add the statistics of one model."""

    async def statistics(request: Request) -> Statistics:
        """Requests of all workers to the model, since the service started."""
        model = model_of(request, state)
        spec = spec_of(name, model)
        return statistics_of(state, [model], only=spec)

    router.add_api_route(
        f"{path}/stats",
        statistics,
        operation_id=f"{name}_statistics",
        summary=f"Statistics of the {name}",
        include_in_schema=described,
    )


def add_probe(
    router: APIRouter,
    path: str,
    name: str,
    state: AppState,
    *,
    described: bool,
) -> None:
    """Add the readiness probe of one model."""

    async def ready(request: Request) -> ModelReady:
        """Run a real inference, like `/readyz`."""
        model = model_of(request, state)
        spec = spec_of(name, model)
        check_ready(state, model)
        return ModelReady(name=spec.name)

    router.add_api_route(
        f"{path}/ready",
        ready,
        operation_id=f"{name}_ready",
        summary=f"Readiness probe of the {name}",
        include_in_schema=described,
        responses={503: {"model": Problem}},
    )


def specs_of(model: ServedModel) -> dict[str, ModelSpec]:
    """Return the specs of a model's graphs by name."""
    return model_specs(model.limits, model.prefix)


def spec_of(name: str, model: ServedModel) -> ModelSpec:
    """Return the spec of one of a model's graphs.

    Raises NoInspectorError for the inspector if there is none.
    """
    return model_spec(name, model.limits, model.prefix)


def statistics_of(
    state: AppState, models: Sequence[ServedModel], only: ModelSpec | None = None
) -> Statistics:
    """Return the statistics of the graphs of models, or of one alone."""
    stats = [
        model_statistics(name, model, state.metrics)
        for model in models
        for name, spec in specs_of(model).items()
        if only is None or spec is only
    ]
    return Statistics(model_stats=stats)


def model_metadata(spec: ModelSpec) -> ModelMetadata:
    """Return the metadata of a model."""
    return ModelMetadata(
        name=spec.name,
        inputs=[tensor_metadata(spec.input)],
        outputs=[tensor_metadata(tensor) for tensor in spec.outputs],
    )


def tensor_metadata(tensor: TensorSpec) -> TensorMetadata:
    """Return the metadata of a tensor."""
    return TensorMetadata(name=tensor.name, shape=[-1, *tensor.shape])
