"""Open Inference Protocol v2 over REST, for the clients of KServe and Triton.

Encoder and decoder are two models, with one version each. Model repository, shared
memory, classification and other datatypes are not supported.
"""

from fastapi import APIRouter, Request

from service.api.errors import Problem
from service.api.state import AppState
from service.api.status import check_ready
from service.oip.infer import TAG, model_paths
from service.oip.schemas import (
    Live,
    ModelMetadata,
    ModelReady,
    Ready,
    ServerMetadata,
    TensorMetadata,
)
from service.oip.specs import MODEL_NAMES, TensorSpec, model_specs


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
        """Run a real inference of both models, like `/readyz`."""
        check_ready(state)
        return Ready()

    return router


def metadata_router(state: AppState) -> APIRouter:
    """Return the metadata of the server and the models, and the models' probes."""
    router = APIRouter(tags=[TAG])

    @router.get("/v2", operation_id="server_metadata", summary="Server metadata")
    async def server_metadata(request: Request) -> ServerMetadata:
        """Name, version and extensions of the server."""
        return ServerMetadata(name=request.app.title, version=request.app.version)

    for name in MODEL_NAMES:
        plain, versioned = model_paths(name)
        add_model(router, plain, name, state, described=True)
        add_model(router, versioned, name, state, described=False)
    return router


def add_model(
    router: APIRouter, path: str, name: str, state: AppState, *, described: bool
) -> None:
    """Add the routes of one model."""

    async def metadata() -> ModelMetadata:
        """Names, datatypes and shapes of the model's tensors."""
        spec = model_specs(state.model.limits)[name]
        return ModelMetadata(
            name=name,
            inputs=[tensor_metadata(spec.input)],
            outputs=[tensor_metadata(tensor) for tensor in spec.outputs],
        )

    async def ready() -> ModelReady:
        """Run a real inference, like `/readyz`."""
        check_ready(state)
        return ModelReady(name=name)

    router.add_api_route(
        path,
        metadata,
        operation_id=f"{name}_metadata",
        summary=f"Metadata of the {name}",
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


def tensor_metadata(tensor: TensorSpec) -> TensorMetadata:
    """Return the metadata of a tensor."""
    return TensorMetadata(name=tensor.name, shape=[-1, *tensor.shape])
