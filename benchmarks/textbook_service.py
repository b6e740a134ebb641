"""The alternative: the same four endpoints, written as a tutorial on FastAPI and ONNX Runtime would write them."""

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


class Parent(BaseModel):
    image: str


class InterpolateRequest(BaseModel):
    start: Parent
    end: Parent
    steps: int = 11


class Posterior(BaseModel):
    mean: list[float]
    log_variance: list[float]


class LatentsAnswer(BaseModel):
    latents: list[Posterior]


class ImagesAnswer(BaseModel):
    images: list[str]


class InterpolateAnswer(BaseModel):
    weights: list[float]
    latents: list[list[float]]
    images: list[str]


@app.post("/encode")
def encode(request: ImagesRequest) -> LatentsAnswer:
    means, log_variances = textbook_model.encode(request.images)
    pairs = zip(means.tolist(), log_variances.tolist(), strict=True)
    return LatentsAnswer(
        latents=[Posterior(mean=mean, log_variance=log) for mean, log in pairs]
    )


@app.post("/decode")
def decode(request: LatentsRequest) -> ImagesAnswer:
    return ImagesAnswer(
        images=textbook_model.decode(np.array(request.latents, dtype=np.float32))
    )


@app.post("/reconstruct")
def reconstruct(request: ImagesRequest) -> ImagesAnswer:
    return ImagesAnswer(images=textbook_model.reconstruct(request.images))


@app.post("/interpolate")
def interpolate(request: InterpolateRequest) -> InterpolateAnswer:
    (start, end), _ = textbook_model.encode([request.start.image, request.end.image])
    weights = np.linspace(0, 1, request.steps, dtype=np.float32)
    latents = np.outer(1 - weights, start) + np.outer(weights, end)
    images = textbook_model.decode(latents)
    return InterpolateAnswer(
        weights=weights.tolist(), latents=latents.tolist(), images=images
    )


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]))
