"""Status routes: model card, probes, metrics, reload."""

import os
import signal
from typing import Literal

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from service.api.errors import DRAINING, Problem, ProblemError
from service.api.state import AppState, ServedModel
from service.model.autoencoder import check_inference
from service.model.card import ModelCard
from service.observability.exposition import ServedInfo, metrics_text
from service.operations import base

TAG = "Status"
METRICS_PATH = "/metrics"
METRICS_TYPE = "text/plain; version=1.0.0; charset=utf-8"


class Health(base.Response):
    """Response of a probe."""

    status: Literal["ok"] = Field("ok", description="Always ok: the probe succeeded.")


class Reload(base.Response):
    """Response to a reload."""

    status: Literal["reloading"] = Field(
        "reloading",
        description="The model is being reloaded; the log has the result.",
    )


def check_ready(state: AppState, model: ServedModel) -> None:
    """Raise ProblemError while the service shuts down.

    Raises InferenceError if inference by the model fails.
    """
    if state.draining:
        raise ProblemError(
            DRAINING, "the service is shutting down: send requests elsewhere"
        )
    check_inference(model.backend)


def probe_router(state: AppState) -> APIRouter:
    """Return the routes of the probes, which need no API key."""
    router = APIRouter(tags=[TAG])

    @router.get("/livez", operation_id="livez", summary="Liveness probe")
    async def livez() -> Health:
        """Return 200 as long as the service responds at all."""
        return Health()

    @router.get(
        "/readyz",
        operation_id="readyz",
        summary="Readiness probe",
        responses={503: {"model": Problem}},
    )
    async def readyz() -> Health:
        """Run a real inference of the default model.

        Return 503 if it fails, and while the service shuts down.
        """
        check_ready(state, state.model)
        return Health()

    return router


def status_router(state: AppState, *, reload_endpoint: bool) -> APIRouter:
    """Return the routes of the model card, the metrics and, if enabled, the reload."""
    router = APIRouter(tags=[TAG])
    add_metrics(router, state)
    if reload_endpoint:
        add_reload(router, state)

    @router.get(
        "/model",
        operation_id="model",
        summary="Model card",
        response_model_exclude_unset=True,  # the fields of the file, no others
    )
    async def model_card() -> ModelCard:
        """Architecture, objective, data, measured quality, hashes."""
        return state.model.backend.card

    return router


def add_metrics(router: APIRouter, state: AppState) -> None:
    """Add the route of the metrics."""

    @router.get(
        METRICS_PATH,
        operation_id="metrics",
        summary="Prometheus metrics",
        response_class=Response,
        responses={
            200: {
                "description": "Metrics, one a line.",
                "content": {"text/plain": {"schema": {"type": "string"}}},
            }
        },
    )
    def metrics() -> Response:
        """Requests, latencies, images, problems and more, of all workers."""
        content = metrics_text(state.metrics, model_infos(state))
        return Response(content, media_type=METRICS_TYPE)


def model_infos(state: AppState) -> list[ServedInfo]:
    """Return what identifies each model in the metrics."""
    infos = []
    for model in state.models.by_name.values():
        card = model.backend.card
        labels = {
            "name": card.name,
            "encoder_sha256": card.graphs.encoder.sha256,
            "decoder_sha256": card.graphs.decoder.sha256,
        }
        name = card.name
        if state.by_name:
            name = labels["model"] = model.name
        infos.append(ServedInfo(name, labels, model.limits.calibration_images))
    return infos


def add_reload(router: APIRouter, state: AppState) -> None:
    """Add the route that reloads the model."""

    @router.post(
        "/model/reload",
        status_code=202,
        operation_id="reload",
        summary="Reload the model",
    )
    async def reload_model() -> Reload:
        """Reload the model from its folder.

        Returns at once. All workers change to the new model between two requests, or
        keep the old one if the new one is invalid.
        """
        os.kill(state.main_process, signal.SIGHUP)
        return Reload()
