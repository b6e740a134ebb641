"""The textbook service: four endpoints as in a tutorial on FastAPI."""

import sys

import numpy as np
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from benchmarks import textbook_model

app = FastAPI()


class ImagesRequest(BaseModel):
    images: list[str]


class LatentsRequest(BaseModel):
    latents: list[list[float]]


class Endpoint(BaseModel):
    image: str


class InterpolateRequest(BaseModel):
    start: Endpoint
    end: Endpoint
    steps: int = 11


class Posterior(BaseModel):
    mean: list[float]
    log_variance: list[float]


class LatentsResponse(BaseModel):
    latents: list[Posterior]


class ImagesResponse(BaseModel):
    images: list[str]


class InterpolateResponse(BaseModel):
    weights: list[float]
    latents: list[list[float]]
    images: list[str]


@app.post("/encode")
def encode(request: ImagesRequest) -> LatentsResponse:
    means, log_variances = textbook_model.encode(request.images)
    pairs = zip(means.tolist(), log_variances.tolist(), strict=True)
    latents = [Posterior(mean=mean, log_variance=log) for mean, log in pairs]
    return LatentsResponse(latents=latents)


@app.post("/decode")
def decode(request: LatentsRequest) -> ImagesResponse:
    latents = np.array(request.latents, dtype=np.float32)
    return ImagesResponse(images=textbook_model.decode(latents))


@app.post("/reconstruct")
def reconstruct(request: ImagesRequest) -> ImagesResponse:
    images = textbook_model.reconstruct(request.images)
    return ImagesResponse(images=images)


@app.post("/interpolate")
def interpolate(request: InterpolateRequest) -> InterpolateResponse:
    ends = [request.start.image, request.end.image]
    (start, end), _ = textbook_model.encode(ends)
    weights = np.linspace(0, 1, request.steps, dtype=np.float32)
    latents = np.outer(1 - weights, start) + np.outer(weights, end)
    images = textbook_model.decode(latents)
    return InterpolateResponse(
        weights=weights.tolist(),
        latents=latents.tolist(),
        images=images,
    )


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]))
