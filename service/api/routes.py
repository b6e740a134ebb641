"""The endpoints: each only translates between HTTP's words and the model's."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from fastapi import APIRouter
from pydantic import BaseModel

from service.api.json_route import JsonRoute
from service.api.problems import EXAMPLES, Problem
from service.api.schemas import (
    Health,
    ImageParent,
    ImagesAnswer,
    ImagesRequest,
    InterpolateAnswer,
    InterpolateRequest,
    LatentParent,
    LatentsAnswer,
    LatentsRequest,
    Limits,
    PosteriorAnswer,
)
from service.imaging.writer import write_pngs
from service.model.autoencoder import Autoencoder, Floats, check_inference
from service.model.card import ModelCard
from service.model.latent_space import interpolation_path, reconstruct


class Endpoints:
    """The four operations, from schema to schema."""

    def __init__(self, autoencoder: Autoencoder) -> None:
        self._autoencoder = autoencoder

    def encode(self, body: ImagesRequest) -> LatentsAnswer:
        """Give the posterior of each image.

        Its mean is the image's latent: what `/decode` and `/interpolate` take.
        """
        posterior = self._autoencoder.encode(np.array(body.images))
        pairs = zip(posterior.mean.tolist(), posterior.log_variance.tolist(), strict=True)
        return LatentsAnswer(latents=[PosteriorAnswer(mean=mean, log_variance=log) for mean, log in pairs])

    def decode(self, body: LatentsRequest) -> ImagesAnswer:
        """Give the image of each latent.

        Any point of the latent space decodes; draws from a standard normal look like new data.
        """
        pixels = self._autoencoder.decode(np.array(body.latents, dtype=np.float32))
        return ImagesAnswer(images=write_pngs(pixels))

    def reconstruct(self, body: ImagesRequest) -> ImagesAnswer:
        """Encode each image and decode it again.

        Decoded from the posterior mean; nothing is drawn at random, so that the same image gives the same answer.
        """
        return ImagesAnswer(images=write_pngs(reconstruct(self._autoencoder, np.array(body.images))))

    def interpolate(self, body: InterpolateRequest) -> InterpolateAnswer:
        """Walk from one image or latent to another.

        Straight, in equal steps; the first and the last frame are the ends' own, as `/reconstruct` gives them.
        """
        start, end = self._latents_of([body.start, body.end])
        weights, latents = interpolation_path(start, end, body.steps)
        images = write_pngs(self._autoencoder.decode(latents))
        return InterpolateAnswer(weights=weights.tolist(), latents=latents.tolist(), images=images)

    def _latents_of(self, parents: list[ImageParent | LatentParent]) -> list[Floats]:
        """The latent of each parent; all images among them are encoded in one call."""
        images = [parent.image for parent in parents if isinstance(parent, ImageParent)]
        means = iter(self._autoencoder.encode(np.array(images)).mean if images else ())
        return [
            np.array(parent.latent, dtype=np.float32) if isinstance(parent, LatentParent) else next(means)
            for parent in parents
        ]


def operation_routes(autoencoder: Autoencoder, limits: Limits) -> list[JsonRoute]:
    """What the model does, as POST requests."""
    endpoints = Endpoints(autoencoder)
    return [
        operation_route(endpoint, limits)
        for endpoint in (endpoints.reconstruct, endpoints.encode, endpoints.decode, endpoints.interpolate)
    ]


def operation_route(endpoint: Callable[[Any], BaseModel], limits: Limits) -> JsonRoute:
    """An endpoint at the path of its name; the first sentence of its docstring is its summary."""
    summary, _, description = inspect.cleandoc(endpoint.__doc__ or "").partition(".\n")
    return JsonRoute(
        f"/{endpoint.__name__}",
        endpoint,
        limits,
        operation_id=endpoint.__name__,
        tags=["operations"],
        summary=summary,
        description=description,
        responses={status: {"model": Problem} for status in EXAMPLES},
    )


def status_router(autoencoder: Autoencoder) -> APIRouter:
    """What the service is and whether it works, as GET requests."""
    router = APIRouter(tags=["status"])

    @router.get("/model", operation_id="model", summary="Give the model card")
    async def model() -> ModelCard:
        """What the model is: architecture, objective, data, measured quality, hashes."""
        return autoencoder.card

    @router.get("/livez", operation_id="livez", summary="Tell that the process answers")
    async def livez() -> Health:
        """Liveness: 200 as long as the service answers at all."""
        return Health()

    @router.get(
        "/readyz", operation_id="readyz", summary="Tell that the model computes", responses={503: {"model": Problem}}
    )
    async def readyz() -> Health:
        """Readiness: runs a real inference first; 503 where it fails."""
        check_inference(autoencoder)
        return Health()

    return router
