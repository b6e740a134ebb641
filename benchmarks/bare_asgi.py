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

from service.imaging.reader import DecodedImage, read_plain_images
from service.imaging.writer import base64_pngs, sheet
from service.model.autoencoder import Pixels
from service.model.interpolation import interpolate_path
from service.model.latent_space import reconstruct
from service.model.onnx_autoencoder import OnnxAutoencoder

Json = dict[str, Any]
autoencoder = OnnxAutoencoder.load(Path("models/mnist"))
_, HEIGHT, WIDTH = autoencoder.card.image_shape


def read(texts: list[str]) -> Pixels:
    pictures = read_plain_images(texts, HEIGHT, WIDTH)
    return np.array(
        [picture.pixels for picture in pictures if isinstance(picture, DecodedImage)]
    )


def encode(body: Json) -> Json:
    posterior = autoencoder.encode(read(body["images"]))
    pairs = zip(posterior.mean.tolist(), posterior.log_variance.tolist(), strict=True)
    return {"latents": [{"mean": mean, "log_variance": log} for mean, log in pairs]}


def decode(body: Json) -> Json:
    return {
        "images": base64_pngs(
            sheet(
                autoencoder.decode(np.array(body["latents"], dtype=np.float32))
            ).images
        )
    }


def reconstruct_images(body: Json) -> Json:
    return {
        "images": base64_pngs(
            sheet(reconstruct(autoencoder, read(body["images"]))).images
        )
    }


def interpolate(body: Json) -> Json:
    ends = autoencoder.encode(read([body["start"]["image"], body["end"]["image"]])).mean
    weights, latents = interpolate_path(
        autoencoder, ends, body["steps"], "linear", closed=False
    )
    images = base64_pngs(sheet(autoencoder.decode(latents)).images)
    return {"weights": weights.tolist(), "latents": latents.tolist(), "images": images}


OPERATIONS: dict[str, Callable[[Json], Json]] = {
    "/encode": encode,
    "/decode": decode,
    "/reconstruct": reconstruct_images,
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
