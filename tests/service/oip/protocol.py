"""Requests and responses of the protocol, for the fake model."""

import json
from typing import Any

import httpx
import numpy as np

from service.model.autoencoder import Floats
from tests.service.conftest import Client, Json

ENCODER, DECODER = "/v2/models/encoder", "/v2/models/decoder"
VERSION = "/versions/1"
IMAGE = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
LATENT = [0.0, -10.0, 10.0, 0.25, 1e-9, 3]
LENGTH_HEADER = "Inference-Header-Content-Length"
BLACK = np.zeros((1, 1, 2, 3), np.float32)


def pixels(batch: int = 1, **changes: object) -> Json:
    """Return a request for the encoder, whose input has these fields changed."""
    tensor: dict[str, Any] = {
        "name": "pixels",
        "shape": [batch, 1, 2, 3],
        "datatype": "FP32",
        "data": IMAGE * batch,
    }
    return {"inputs": [tensor | changes]}


def latent(**changes: object) -> Json:
    """Return a request for the decoder, whose input has these fields changed."""
    tensor: dict[str, Any] = {
        "name": "latent",
        "shape": [1, 6],
        "datatype": "FP32",
        "data": LATENT,
    }
    return {"inputs": [tensor | changes]}


def latents(batch: int) -> Json:
    """Return a request for the decoder."""
    return latent(shape=[batch, 6], data=LATENT * batch)


def binary_latents(batch: int) -> Json:
    """Return a request for the decoder, whose response is binary."""
    return latents(batch) | {"parameters": {"binary_data_output": True}}


def binary_pixels(values: Floats, size: float | None = None) -> tuple[Json, bytes]:
    """Return a request for the encoder with a binary tensor, and the tensor's bytes.

    size: number of bytes that the request claims, by default the right one.
    """
    content = values.astype("<f4").tobytes()
    tensor = {
        "name": "pixels",
        "shape": list(values.shape),
        "datatype": "FP32",
        "parameters": {"binary_data_size": len(content) if size is None else size},
    }
    return {"inputs": [tensor]}, content


def infer(client: Client, path: str, body: Json) -> Json:
    """Send a request in JSON and return the response; check that it succeeds."""
    response = client.post(f"{path}/infer", body)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    content: Json = response.json()
    return content


def infer_bytes(
    client: Client, body: Json, content: bytes, headers: dict[str, str] | None = None
) -> httpx.Response:
    """Send the encoder JSON followed by bytes, without a type as tritonclient does."""
    text = json.dumps(body).encode()
    all_headers = {LENGTH_HEADER: str(len(text))}
    if headers:
        all_headers.update(headers)
    return client.request(
        "POST", f"{ENCODER}/infer", content=text + content, headers=all_headers
    )


def tensors_of(response: httpx.Response) -> dict[str, Floats]:
    """Return the outputs of a response by name, from JSON or from bytes after it."""
    content = response.content
    length = int(response.headers.get(LENGTH_HEADER, len(content)))
    text, binary = content[:length], content[length:]
    tensors = {}
    for output in json.loads(text)["outputs"]:
        if "parameters" in output:
            assert "data" not in output
            size = output["parameters"]["binary_data_size"]
            values = np.frombuffer(binary[:size], "<f4")
            binary = binary[size:]
        else:
            values = np.array(output["data"], np.float32)
        tensors[output["name"]] = values.reshape(output["shape"])
    assert binary == b""
    return tensors


def check_problem(
    response: httpx.Response, status: int, kind: str, detail: str = ""
) -> None:
    """Check that a response is a problem, and that ``error`` repeats its detail.

    Clients of the protocol read ``error``.
    """
    body = response.json()
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert body["type"] == f"urn:vae-service:problem:{kind}"
    assert detail in body["detail"]
    assert body["error"] == body["detail"]


def check_invalid(response: httpx.Response, detail: str) -> None:
    """Check that a response is the problem of an invalid request."""
    check_problem(response, 422, "invalid-request", detail)
