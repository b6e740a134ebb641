"""The outlier detector of deploy/kserve/, with the requests that KServe sends to it."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest

from tests.deployment.manifests import KSERVE, of_kind, read
from tests.end_to_end.server import serve

GRAPH = of_kind(read(KSERVE / "outlier-detector.yaml"), "InferenceGraph")
ROOT: dict[str, Any] = GRAPH["spec"]["nodes"]["root"]
(INSPECTOR,) = [step for step in ROOT["steps"] if step["name"] == "inspector"]
PATH = urlsplit(INSPECTOR["serviceUrl"]).path
# The logger sends a request's body as a CloudEvent, in the binary encoding of HTTP.
EVENT_HEADERS = {
    "ce-specversion": "1.0",
    "ce-id": "1",
    "ce-source": "http://localhost:9081/",
    "ce-type": "org.kubeflow.serving.inference.request",
    "ce-time": "2026-11-26T04:00:00Z",
    "ce-inferenceservicename": "classifier",
    "ce-namespace": "default",
    "Content-Type": "application/json",
}


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """A client of the inspector."""
    with serve("--workers", "1") as server, server.client() as client:
        yield client


def noise() -> dict[str, Any]:
    """Return a request to the classifier: two images of noise."""
    pixels = np.random.default_rng(0).random((2, 1, 28, 28))
    tensor = {
        "name": "pixels",
        "shape": pixels.shape,
        "datatype": "FP32",
    }
    tensor["data"] = pixels.ravel().tolist()
    return {"id": "7", "inputs": [tensor]}


def outputs(response: httpx.Response) -> dict[str, list[Any]]:
    """Return the data of each output."""
    assert response.status_code == 200, response.text
    return {output["name"]: output["data"] for output in response.json()["outputs"]}


def test_the_graph_sends_each_request_to_both() -> None:
    """The response has theirs by name; it fails if the classifier's does."""
    steps = {step["name"]: step for step in ROOT["steps"]}

    assert ROOT["routerType"] == "Ensemble"
    assert set(steps) == {"classifier", "inspector"}
    assert steps["classifier"]["dependency"] == "Hard"
    assert "dependency" not in steps["inspector"]


def test_the_inspector_answers_the_classifiers_request(client: httpx.Client) -> None:
    """The graph posts it as it is, to the step's path."""
    content = json.dumps(noise())
    headers = {"Content-Type": "application/json"}
    response = client.post(PATH, content=content, headers=headers)
    found = outputs(response)

    assert found["anomalous"] == [True, True]
    assert len(found["map"]) == 2 * 28 * 28


def test_the_inspector_answers_what_a_logger_copies(client: httpx.Client) -> None:
    """Its body is the classifier's request, its headers are those of a CloudEvent."""
    content = json.dumps(noise())
    response = client.post(PATH, content=content, headers=EVENT_HEADERS)
    found = outputs(response)

    assert found["anomalous"] == [True, True]
