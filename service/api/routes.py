"""The endpoints: each only translates between HTTP's words and the model's."""

import inspect
import os
import signal
from collections.abc import Sequence
from itertools import repeat
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Depends, FastAPI, Request
from starlette.responses import Response

from service.api.errors import DRAINING, Problem, ProblemError
from service.api.json_route import JsonRoute, Operation
from service.api.latent_schemas import (
    ArithmeticAnswer,
    ArithmeticRequest,
    GenerateAnswer,
    GenerateRequest,
    InterpolateAnswer,
    InterpolateRequest,
    LatentPoint,
    TraverseAnswer,
    TraverseRequest,
)
from service.api.schemas import (
    DecodeRequest,
    EncodeRequest,
    Health,
    ImagesAnswer,
    ImagesRequest,
    LatentsAnswer,
    PosteriorAnswer,
    ReconstructAnswer,
    ReconstructRequest,
    Reload,
    ScoreAnswer,
    ScoresAnswer,
)
from service.api.state import AppState
from service.imaging.fit import Preprocessing
from service.imaging.reader import DecodedImage
from service.imaging.writer import sheet
from service.model.autoencoder import Autoencoder, Floats, check_inference
from service.model.card import ModelCard
from service.model.interpolation import interpolate_path
from service.model.latent_space import (
    clip_factor,
    mixture_samples,
    posterior_samples,
    prior_samples,
    reconstruct,
    traversal,
    weighted_sum,
)
from service.model.score import score
from service.operations.fields import Limits

RELOAD_PATH = "/model/reload"
METRICS_TYPE = "text/plain; version=1.0.0; charset=utf-8"


def loaded_model(request: Request) -> Autoencoder:
    """The model that the application serves."""
    model: Autoencoder = request.app.state.autoencoder
    return model


def shared_state(request: Request) -> AppState:
    """What the application shares with its server."""
    state: AppState = request.app.state.shared
    return state


Model = Annotated[Autoencoder, Depends(loaded_model)]
Shared = Annotated[AppState, Depends(shared_state)]


def encode(body: EncodeRequest, model: Model) -> LatentsAnswer:
    """Give the posterior of each image.

    Its mean is the image's latent: what `/decode` and `/interpolate` take. With sample, draws from it come beside it.
    """
    posterior = model.encode(np.array([image.pixels for image in body.images]))
    draws = (
        map(list, posterior_samples(posterior, body.seed, body.samples))
        if body.sample
        else repeat(None)
    )
    return LatentsAnswer(
        latents=[
            PosteriorAnswer(mean=mean, log_variance=log_variance, samples=samples)
            for mean, log_variance, samples in zip(
                posterior.mean, posterior.log_variance, draws, strict=False
            )
        ],
        seed=body.seed if body.sample else None,
        fitted=fitted(body.images) if body.explain else None,
    )


def decode(body: DecodeRequest, model: Model) -> ImagesAnswer:
    """Give the image of each latent.

    Any point of the latent space decodes; draws from a standard normal look like new data.
    """
    return ImagesAnswer(
        images=sheet(model.decode(np.array(body.latents, dtype=np.float32)))
    )


def reconstruct_images(body: ReconstructRequest, model: Model) -> ReconstructAnswer:
    """Encode each image and decode it again.

    Decoded from the posterior mean, so that the same image gives the same answer; with sample, from draws from the
    posterior, as many of each image as asked for, those of the first image first.
    """
    pixels = np.array([image.pixels for image in body.images])
    seed = body.seed if body.sample else None
    columns = body.samples if body.samples > 1 else None
    return ReconstructAnswer(
        images=sheet(reconstruct(model, pixels, seed, body.samples), columns),
        seed=seed,
        fitted=fitted(body.images) if body.explain else None,
    )


def interpolate(body: InterpolateRequest, model: Model) -> InterpolateAnswer:
    """Walk from a point of the latent space to another, or through several.

    Each is an image's posterior mean, a latent, or the mean of a digit; at each the frame is its own, as
    `/reconstruct` gives it.
    """
    points = body.points()
    weights, latents = interpolate_path(
        model, resolve_points(points, model), body.steps, body.path, closed=body.closed
    )
    return InterpolateAnswer(
        weights=weights.tolist(),
        latents=list(latents),
        images=sheet(model.decode(latents), columns=len(latents)),
        fitted=fitted(images_of(points)) if body.explain else None,
    )


def generate(body: GenerateRequest, model: Model) -> GenerateAnswer:
    """Draw new digits.

    Latents from the samplers fitted to each digit, or from the prior, decoded. The seed in the answer gives the same
    latents again.
    """
    digits = body.digits()
    count = len(digits) if digits else body.count or 1
    if body.source == "prior":
        latents = prior_samples(
            model.card.latent_size, body.seed, count, body.temperature
        )
    else:
        labels = np.array(digits) if digits else None
        latents = mixture_samples(
            model.statistics, body.seed, count, labels, body.temperature
        )
    return GenerateAnswer(
        seed=body.seed,
        digits=digits,
        latents=list(latents),
        images=sheet(
            model.decode(latents),
            columns=len(body.digit) if isinstance(body.digit, list) else None,
        ),
    )


def score_images(body: ImagesRequest, model: Model) -> ScoresAnswer:
    """Tell how well the model knows each image.

    How far its reconstruction is, how unusual it is among digits, and which digit it is likely to show; by densities in
    the latent space, at the posterior mean.
    """
    scores, labels = (
        score(model, np.array([image.pixels for image in body.images])),
        model.statistics.labels,
    )
    percentiles = scores.anomaly_percentile
    return ScoresAnswer(
        classes=labels or None,
        scores=[
            ScoreAnswer(
                squared_error=scores.squared_error[index],
                kl_divergence=scores.kl_divergence[index],
                elbo=scores.elbo[index],
                anomaly_percentile=None if percentiles is None else percentiles[index],
                digit=labels[probabilities.argmax()] if labels else None,
                probabilities=probabilities.tolist() or None,
            )
            for index, probabilities in enumerate(scores.probabilities)
        ],
        fitted=fitted(body.images) if body.explain else None,
    )


def arithmetic(body: ArithmeticRequest, model: Model) -> ArithmeticAnswer:
    """Add up points of the latent space, each times a weight.

    A four, less the mean of all fours, and with the mean of all nines, is a nine in the same hand. A sum that lies
    farther out than the data does decodes badly: it is drawn back, unless clip is false.
    """
    latents = resolve_points(body.terms, model)
    total = weighted_sum(latents, np.array([term.weight for term in body.terms]))
    clipped = clip_factor(total) if body.clip else 1.0
    latent = total * np.float32(clipped)
    return ArithmeticAnswer(
        latent=latent,
        clipped=clipped,
        images=sheet(model.decode(latent[np.newaxis])),
        fitted=fitted(images_of(body.terms)) if body.explain else None,
    )


def traverse(body: TraverseRequest, model: Model) -> TraverseAnswer:
    """Move about a point of the latent space, one coordinate at a time.

    A grid: each row moves one coordinate from the first offset to the last, while the others stay.
    """
    (start,) = resolve_points([body.start], model)
    first, last = body.range
    offsets = np.linspace(first, last, body.steps)
    latents = traversal(start, body.rows(), offsets)
    return TraverseAnswer(
        dimensions=body.rows(),
        offsets=offsets.tolist(),
        latents=list(latents),
        images=sheet(model.decode(latents), columns=body.steps),
        fitted=fitted(images_of([body.start])) if body.explain else None,
    )


def resolve_points(parents: Sequence[LatentPoint], model: Autoencoder) -> Floats:
    """The latents of parents, (parents, latent); all images among them are encoded in one call."""
    images = np.array([image.pixels for image in images_of(parents)])
    posterior_means = iter(model.encode(images).mean if len(images) else ())
    class_means = iter(
        model.statistics.class_means(
            [parent.digit for parent in parents if parent.digit is not None]
        )
    )
    latents = [
        next(posterior_means) if parent.image else parent.latent or next(class_means)
        for parent in parents
    ]
    return np.array(latents, dtype=np.float32)


def images_of(parents: Sequence[LatentPoint]) -> list[DecodedImage]:
    """The images among parents."""
    return [parent.image for parent in parents if parent.image]


def fitted(images: list[DecodedImage]) -> list[Preprocessing]:
    """What was done to each image."""
    return [image.fitted for image in images]


# By path; the first is looked at first.
OPERATIONS: dict[str, Operation] = {
    "/reconstruct": reconstruct_images,
    "/encode": encode,
    "/decode": decode,
    "/interpolate": interpolate,
    "/generate": generate,
    "/arithmetic": arithmetic,
    "/traverse": traverse,
    "/score": score_images,
}


def operation_routes(
    model: Autoencoder, limits: Limits, state: AppState
) -> list[JsonRoute]:
    """What the model does, as POST requests; the first sentence of an operation's docstring is its summary."""
    routes = []
    for path, operation in OPERATIONS.items():
        summary, _, description = inspect.cleandoc(operation.__doc__ or "").partition(
            ".\n"
        )
        routes.append(
            JsonRoute(
                path,
                operation,
                model,
                limits,
                state.admission,
                operation_id=path.removeprefix("/"),
                tags=["Operations"],
                summary=summary,
                description=description,
                responses={
                    422: {"model": Problem}
                },  # or FastAPI describes one of its own
            )
        )
    return routes


status_router = APIRouter(tags=["Status"])


@status_router.get("/model", operation_id="model", summary="Give the model card")
async def model_card(model: Model) -> ModelCard:
    """What the model is: architecture, objective, data, measured quality, hashes."""
    return model.card


@status_router.get(
    "/livez", operation_id="livez", summary="Tell that the process answers"
)
async def livez() -> Health:
    """Liveness: 200 as long as the service answers at all."""
    return Health()


@status_router.get(
    "/readyz",
    operation_id="readyz",
    summary="Tell that the model computes",
    responses={503: {"model": Problem}},
)
async def readyz(model: Model, state: Shared) -> Health:
    """Readiness: runs a real inference first; 503 where it fails, and once the service is about to stop."""
    if state.draining:
        raise ProblemError(
            DRAINING, "the service is about to stop: send new requests elsewhere"
        )
    check_inference(model)
    return Health()


@status_router.get(
    "/metrics",
    operation_id="metrics",
    summary="Give counts and times for Prometheus",
    response_class=Response,
    responses={
        200: {
            "description": "One line a figure.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        }
    },
)
def metrics(model: Model, state: Shared) -> Response:
    """Requests, latencies, images, refusals and more, of all workers, in Prometheus's text format."""
    return Response(state.metrics.text(model.card), media_type=METRICS_TYPE)


async def reload_model(state: Shared) -> Reload:
    """Load the model anew from its folder, beside the old one.

    Answers at once; all workers change over between two requests, or stay with the old model if the new one is bad.
    """
    os.kill(state.main_process, signal.SIGHUP)
    return Reload()


def add_reload(app: FastAPI) -> None:
    """Add the route that loads the model anew."""
    app.add_api_route(
        RELOAD_PATH,
        reload_model,
        methods=["POST"],
        status_code=202,
        operation_id="reload",
        tags=["Status"],
        summary="Load the model anew",
    )
