"""Paths that name a model."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.errors import NOT_FOUND, ProblemError, problem_response
from service.api.route import OperationRoute
from service.api.state import AppState, ServedModel
from service.observability.request_context import context_of, path_of

MODELS_PATH = "/models"
PROTOCOL_PATH = "/v2/models/"
NAMED_OPERATION = re.compile(rf"{MODELS_PATH}/([^/]+)(/[^/]+)")
NAMED_GRAPH = re.compile(rf"{PROTOCOL_PATH}([^/.]+)\.(.+)")
MODEL_KEY = "vae_service.model"  # of the ASGI scope


class NamedPath(NamedTuple):
    """A path that names a model, and the same path of the default model."""

    name: str
    path: str


def named_path(path: str) -> NamedPath | None:
    """Return the parts of a path that names a model, or None if it does not.

    /models/NAME/encode is /encode of a model, and /v2/models/NAME.encoder/infer is
    /v2/models/encoder/infer of it.
    """
    if match := NAMED_OPERATION.fullmatch(path):
        return NamedPath(match[1], match[2])
    if match := NAMED_GRAPH.fullmatch(path):
        return NamedPath(match[1], PROTOCOL_PATH + match[2])
    return None


def find_model(state: AppState, name: str) -> ServedModel:
    """Return a model. Raises ProblemError if it is not loaded."""
    model = state.models.by_name.get(name)
    if model is None:
        raise ProblemError(
            NOT_FOUND, f"no model of this name is loaded; GET {MODELS_PATH} lists them"
        )
    return model


def model_of(request: Request, state: AppState) -> ServedModel:
    """Return the model that a request's path names, or else the default model."""
    model: ServedModel = request.scope.get(MODEL_KEY, state.model)
    return model


class ModelPaths:
    """Passes requests whose path names a model to the routes of that model."""

    def __init__(
        self,
        app: ASGIApp,
        state: AppState,
        operations: Iterable[OperationRoute],
        paths: Iterable[str],
    ) -> None:
        """Take the routes that paths with a name lead to.

        operations: routes of POST requests.
        paths: of all routes of one model, without its name.
        """
        self.app = app
        self._state = state
        self._operations = {route.path: route for route in operations}
        self._paths = frozenset(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request."""
        named = named_path(path_of(scope))
        if named is None or named.path not in self._paths:
            await self.app(scope, receive, send)
            return
        try:
            model = find_model(self._state, named.name)
        except ProblemError as error:
            response = problem_response(scope, error)
            await response(scope, receive, send)
            return
        context_of(scope).route = named.path
        route = self._operations.get(named.path)
        if route is not None and scope["method"] == "POST":
            await route.respond(scope, receive, send, model)
        else:
            path = scope["root_path"] + named.path
            await self.app({**scope, "path": path, MODEL_KEY: model}, receive, send)
