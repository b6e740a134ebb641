"""The repository of models: its index, and loading and unloading on request.

A model of the service is several of the protocol, such as its encoder and its decoder.
They are loaded and unloaded together, by the name of any or by the model's own.
"""

from collections.abc import Sequence
from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import Field

from service.api.body import parse_json, read_body
from service.api.errors import (
    MAX_CHARACTERS,
    MODEL_UNCHANGED,
    Problem,
    ProblemError,
    problem_of,
)
from service.api.state import AppState, ServedModel
from service.api.status import check_ready
from service.model.errors import InferenceError, ModelLoadError, OverloadedError
from service.model.repository import ModelChange
from service.observability.request_context import context_of
from service.oip.infer import TAG
from service.oip.schemas import ModelIndex
from service.oip.specs import MODEL_NAMES, REQUIRED_NAMES, model_specs
from service.operations.base import Response

CHANGE_PATH = "/v2/repository/models/{model}"
MAX_PARTS = 100  # JSON values and names of a request
IGNORED = {"unload_dependents"}  # parameters: no model depends on another
NAME_PARAMETER = {
    "name": "model",
    "in": "path",
    "required": True,
    "schema": {"type": "string"},
    "description": "Name of a model in the folder of models.",
}

PROBLEMS: dict[int | str, dict[str, Any]] = {
    422: {"model": Problem},
    503: {"model": Problem},
}

Action = Literal["load", "unload"]


class ChangedModel(Response):
    """Response to a change, which all workers have made."""

    name: str = Field(description="Name of the model.")
    state: Literal["READY", "UNAVAILABLE"] = Field(
        description="READY: it is loaded. UNAVAILABLE: it is unloaded."
    )


def index_router(state: AppState) -> APIRouter:
    """Return the route of the index."""
    router = APIRouter(tags=[TAG])

    @router.post(
        "/v2/repository/index",
        operation_id="repository_index",
        summary="Index of the models",
        response_description="State of each model.",
    )
    async def repository_index() -> list[ModelIndex]:
        """State of each model, after a real inference. A request's body is ignored."""
        return model_index(state)

    return router


def change_router(state: AppState) -> APIRouter:
    """Return the routes that load and unload a model."""
    router = APIRouter(tags=[TAG], responses=PROBLEMS)

    @router.post(
        f"{CHANGE_PATH}/load",
        operation_id="repository_load",
        summary="Load a model",
        openapi_extra={"parameters": [NAME_PARAMETER]},
    )
    async def load(request: Request) -> ChangedModel:
        """Load a model, or a new version of it, from the folder of models.

        The response is sent when all workers have it. If it cannot be loaded, the
        version in service stays.
        """
        name = await change_model(request, state, "load")
        return ChangedModel(name=name, state="READY")

    @router.post(
        f"{CHANGE_PATH}/unload",
        operation_id="repository_unload",
        summary="Unload a model",
        openapi_extra={"parameters": [NAME_PARAMETER]},
    )
    async def unload(request: Request) -> ChangedModel:
        """Remove a model from all workers, until a request loads it.

        Requests in progress are answered. The default model cannot be unloaded.
        """
        name = await change_model(request, state, "unload")
        return ChangedModel(name=name, state="UNAVAILABLE")

    return router


async def change_model(request: Request, state: AppState, action: Action) -> str:
    """Change the model that a request's path names, and return its name.

    Raises ProblemError.
    """
    await check_parameters(request, state)
    name = name_of(request.path_params["model"], state)[:MAX_CHARACTERS]
    try:
        await state.change_model(ModelChange(action, name))
    except ModelLoadError as error:
        raise ProblemError(MODEL_UNCHANGED, str(error)) from error
    except OverloadedError as error:
        raise problem_of(error) from error
    return name


async def check_parameters(request: Request, state: AppState) -> None:
    """Reject parameters such as a model's files or configuration.

    Models come from the folder of models alone. Raises ProblemError.
    """
    context = context_of(request.scope)
    limit = state.model.limits.max_body_bytes
    budget = state.body_budget
    try:
        content = await read_body(request.receive, context, limit, budget)
    finally:
        budget.bytes -= context.held_bytes
    if not content:
        return
    match parse_json(content, MAX_PARTS, MAX_PARTS):
        case {"parameters": {} as parameters} if not parameters.keys() <= IGNORED:
            raise ProblemError(
                MODEL_UNCHANGED, "models are loaded from VAE_MODELS, without parameters"
            )


def name_of(name: str, state: AppState) -> str:
    """Return the name of the model that has a model of the protocol."""
    if name in MODEL_NAMES:
        return state.models.default_name
    own_name, _, graph = name.rpartition(".")
    return own_name if graph in MODEL_NAMES else name


def model_index(state: AppState) -> list[ModelIndex]:
    """Return the state of the default model's graphs, and of those of named models.

    Each model is tested by a real inference.
    """
    entries = loaded_entries(state, state.model)
    if not state.by_name:
        return entries
    models = state.models.by_name
    reasons = state.models.reasons
    for name in sorted(models.keys() | reasons.keys()):
        if name in models:
            entries += loaded_entries(state, models[name])
        else:
            names = [f"{name}.{graph}" for graph in REQUIRED_NAMES]
            entries += index_entries(names, reasons[name])
    return entries


def loaded_entries(state: AppState, model: ServedModel) -> list[ModelIndex]:
    """Return the entries of a model's graphs after an inference."""
    reason = ""
    try:
        check_ready(state, model)
    except (ProblemError, InferenceError) as error:
        reason = str(error)
    specs = model_specs(model.limits, model.prefix)
    names = [spec.name for spec in specs.values()]
    return index_entries(names, reason)


def index_entries(names: Sequence[str], reason: str) -> list[ModelIndex]:
    """Return the entries of graphs; they are ready if there is no reason."""
    entries = []
    for name in names:
        state: Literal["READY", "UNAVAILABLE"] = "UNAVAILABLE" if reason else "READY"
        entry = ModelIndex(name=name, state=state, reason=reason)
        entries.append(entry)
    return entries
