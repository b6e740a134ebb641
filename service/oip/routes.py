"""Open Inference Protocol v2 over REST, for the clients of KServe and Triton.

Encoder, decoder and inspector are models, with one version each. Loading and unloading, shared
memory, classification and other datatypes are not supported.
"""

from collections.abc import Sequence

from fastapi import APIRouter, Request

from service.api.errors import Problem, ProblemError
from service.api.state import AppState
from service.api.status import check_ready
from service.model.errors import InferenceError
from service.oip.infer import TAG
from service.oip.model_config import ModelConfig, model_config
from service.oip.schemas import (
    Live,
    ModelIndex,
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
        """Run a real inference of all models, like `/readyz`."""
        check_ready(state)
        return Ready()

    return router


def metadata_router(state: AppState) -> APIRouter:
    """Return the metadata of the server, and the routes of the models but inference."""
    router = APIRouter(tags=[TAG])

    @router.get("/v2", operation_id="server_metadata", summary="Server metadata")
    async def server_metadata(request: Request) -> ServerMetadata:
        """Name, version and extensions of the server."""
        return ServerMetadata(name=request.app.title, version=request.app.version)

    add_repository(router, state)
    for name in MODEL_NAMES:
        plain, versioned = model_paths(name)
        for path in (plain, versioned):
            described = path == plain
            add_metadata(router, path, name, state, described=described)
            add_state(router, path, name, state, described=described)
    return router


def add_repository(router: APIRouter, state: AppState) -> None:
    """Add the routes of all models together."""

    @router.post(
        "/v2/repository/index",
        operation_id="repository_index",
        summary="Index of the models",
        response_description="State of each model.",
    )
    async def repository_index() -> list[ModelIndex]:
        """State of each model, after a real inference. A request's body is ignored."""
        try:
            check_ready(state)
        except (ProblemError, InferenceError) as error:
            reason = str(error)
            return [
                ModelIndex(name=name, state="UNAVAILABLE", reason=reason)
                for name in served_names(state)
            ]
        return [ModelIndex(name=name, state="READY") for name in served_names(state)]

    @router.get(
        "/v2/models/stats",
        operation_id="statistics",
        summary="Statistics of the models",
    )
    async def statistics() -> Statistics:
        """Requests of all workers to the models, since the service started."""
        return statistics_of(served_names(state), state)


def add_metadata(
    router: APIRouter, path: str, name: str, state: AppState, *, described: bool
) -> None:
    """Add the routes that describe one model."""

    async def metadata() -> ModelMetadata:
        """Names, datatypes and shapes of the model's tensors."""
        return model_metadata(model_spec(name, state.model.limits))

    async def config() -> ModelConfig:
        """Batch size and tensors of the model, as Triton describes them."""
        return model_config(model_spec(name, state.model.limits))

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


def add_state(
    router: APIRouter, path: str, name: str, state: AppState, *, described: bool
) -> None:
    """Add the statistics and the readiness probe of one model."""

    async def statistics() -> Statistics:
        """Requests of all workers to the model, since the service started."""
        check_served(name, state)
        return statistics_of([name], state)

    async def ready() -> ModelReady:
        """Run a real inference, like `/readyz`."""
        check_served(name, state)
        check_ready(state)
        return ModelReady(name=name)

    router.add_api_route(
        f"{path}/stats",
        statistics,
        operation_id=f"{name}_statistics",
        summary=f"Statistics of the {name}",
        include_in_schema=described,
    )
    router.add_api_route(
        f"{path}/ready",
        ready,
        operation_id=f"{name}_ready",
        summary=f"Readiness probe of the {name}",
        include_in_schema=described,
        responses={503: {"model": Problem}},
    )


def served_names(state: AppState) -> list[str]:
    """Return the names of the models, without the inspector if there is none."""
    return list(model_specs(state.model.limits))


def check_served(name: str, state: AppState) -> None:
    """Raise NoInspectorError for the inspector if there is none."""
    model_spec(name, state.model.limits)


def statistics_of(names: Sequence[str], state: AppState) -> Statistics:
    """Return the statistics of models."""
    stats = [model_statistics(name, state.metrics) for name in names]
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
