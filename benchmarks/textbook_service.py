"""The alternative: the same four endpoints, written as a tutorial on FastAPI and ONNX Runtime would write them."""

import base64
import io
import sys

import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel

app = FastAPI()
encoder = onnxruntime.InferenceSession("models/mnist/encoder.onnx")
decoder = onnxruntime.InferenceSession("models/mnist/decoder.onnx")


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


def read_image(text: str) -> NDArray[np.float32]:
    image = Image.open(io.BytesIO(base64.b64decode(text))).convert("L")
    return np.asarray(image, dtype=np.float32)[np.newaxis] / np.float32(255)


def write_image(pixels: NDArray[np.float32]) -> str:
    content = io.BytesIO()
    Image.fromarray((pixels[0] * 255).round().astype(np.uint8)).save(content, format="PNG")
    return base64.b64encode(content.getvalue()).decode()


@app.post("/encode")
def encode(request: ImagesRequest) -> LatentsAnswer:
    pixels = np.stack([read_image(text) for text in request.images])
    means, log_variances = encoder.run(["mean", "log_variance"], {"pixels": pixels})
    pairs = zip(means.tolist(), log_variances.tolist(), strict=True)
    return LatentsAnswer(latents=[Posterior(mean=mean, log_variance=log) for mean, log in pairs])


@app.post("/decode")
def decode(request: LatentsRequest) -> ImagesAnswer:
    (pixels,) = decoder.run(["pixels"], {"latent": np.array(request.latents, dtype=np.float32)})
    return ImagesAnswer(images=[write_image(image) for image in pixels])


@app.post("/reconstruct")
def reconstruct(request: ImagesRequest) -> ImagesAnswer:
    pixels = np.stack([read_image(text) for text in request.images])
    (means,) = encoder.run(["mean"], {"pixels": pixels})
    (pixels,) = decoder.run(["pixels"], {"latent": means})
    return ImagesAnswer(images=[write_image(image) for image in pixels])


@app.post("/interpolate")
def interpolate(request: InterpolateRequest) -> InterpolateAnswer:
    pixels = np.stack([read_image(request.start.image), read_image(request.end.image)])
    (means,) = encoder.run(["mean"], {"pixels": pixels})
    weights = np.linspace(0, 1, request.steps, dtype=np.float32)
    latents = np.outer(1 - weights, means[0]) + np.outer(weights, means[1])
    (frames,) = decoder.run(["pixels"], {"latent": latents})
    images = [write_image(frame) for frame in frames]
    return InterpolateAnswer(weights=weights.tolist(), latents=latents.tolist(), images=images)


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]))
