"""The service's own codec and model behind a bare ASGI function.

It has no framework and no checks, and handles one request at a time.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn
from starlette.types import Receive, Scope, Send

from service.imaging.codec import ImageCodec, ImageLimits, base64_pngs, image_grid
from service.imaging.pixels import ImageShape
from service.model.autoencoder import Floats, Pixels
from service.model.batching import RequestAutoencoder, advance
from service.model.interpolation import interpolate_path
from service.model.onnx_autoencoder import OnnxAutoencoder
from service.observability.request_context import RequestContext

Json = dict[str, Any]
autoencoder = OnnxAutoencoder.load(Path("models/mnist"))
codec = ImageCodec(ImageShape(*autoencoder.card.image_shape), ImageLimits(10**6, 10**6))


def read(texts: list[str]) -> Pixels:
    return codec.decode(texts, "none").pixels


def write(pixels: Floats) -> list[str]:
    return base64_pngs(image_grid(pixels))


def encode(body: Json) -> Json:
    posterior = autoencoder.encode(read(body["images"]))
    pairs = zip(posterior.mean.tolist(), posterior.log_variance.tolist(), strict=True)
    return {"latents": [{"mean": mean, "log_variance": log} for mean, log in pairs]}


def decode(body: Json) -> Json:
    latents = np.array(body["latents"], dtype=np.float32)
    return {"images": write(autoencoder.decode(latents))}


def reconstruct(body: Json) -> Json:
    mean = autoencoder.encode(read(body["images"])).mean
    return {"images": write(autoencoder.decode(mean))}


def interpolate(body: Json) -> Json:
    ends = autoencoder.encode(read([body["start"]["image"], body["end"]["image"]])).mean
    model = RequestAutoencoder(autoencoder, RequestContext(""))
    path = interpolate_path(model, ends, body["steps"], "linear", closed=False)
    weights, latents = advance(path)
    images = write(autoencoder.decode(latents))
    return {"weights": weights.tolist(), "latents": latents.tolist(), "images": images}


OPERATIONS: dict[str, Callable[[Json], Json]] = {
    "/encode": encode,
    "/decode": decode,
    "/reconstruct": reconstruct,
    "/interpolate": interpolate,
}


async def app(
    scope: Scope,
    receive: Receive,
    send: Send,
) -> None:
    content, more = b"", True
    while more:
        message = await receive()
        content += message["body"]
        more = message["more_body"]
    answer = json.dumps(OPERATIONS[scope["path"]](json.loads(content))).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(answer)),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


if __name__ == "__main__":
    uvicorn.run(
        app,
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        lifespan="off",
        ws="none",
        access_log=False,
        timeout_keep_alive=75,
    )
