"""Encoder and decoder of each model, by its name."""

import json

import pytest

from tests.samples import FIRST, FakeAutoencoder
from tests.service.conftest import Client
from tests.service.oip.protocol import (
    BLACK,
    DECODER,
    ENCODER,
    LENGTH_HEADER,
    VERSION,
    binary_pixels,
    check_problem,
    infer,
    pixels,
)

SQUARE = "/v2/models/square."


@pytest.mark.parametrize("version", ["", VERSION])
def test_each_model_has_its_tensors(several: Client, version: str) -> None:
    """Names have the model's as a prefix, except at the default model's own paths."""
    metadata = several.get(f"{SQUARE}encoder{version}").json()
    config = several.get(f"{SQUARE}decoder{version}/config").json()
    by_name = several.get(f"/v2/models/fake.encoder{version}").json()
    default = several.get(f"{ENCODER}{version}").json()

    assert metadata["name"] == "square.encoder"
    assert metadata["inputs"][0]["shape"] == [-1, 1, 3, 3]
    assert config["name"] == "square.decoder"
    assert config["input"][0]["dims"] == [9]
    assert by_name == default | {"name": "fake.encoder"}


@pytest.mark.parametrize("version", ["", VERSION])
def test_inference_is_that_of_the_named_model(several: Client, version: str) -> None:
    """The response has the name; the other model rejects the shape."""
    image = [0.5] * 9
    body = pixels(shape=[1, 1, 3, 3], data=image)
    response = infer(several, f"{SQUARE}encoder{version}", body)
    mean, _ = response["outputs"]

    assert response["model_name"] == "square.encoder"
    assert mean["shape"] == [1, 9]
    assert mean["data"] == image
    rejected = several.post(f"{ENCODER}/infer", body)
    check_problem(rejected, 422, "invalid-request")


def test_the_default_model_gives_the_same_numbers_at_both_paths(
    several: Client,
) -> None:
    """Only the name in the response differs."""
    plain = infer(several, ENCODER, pixels())
    named = infer(several, "/v2/models/fake.encoder", pixels())

    assert plain["model_name"] == "encoder"
    assert named == plain | {"model_name": "fake.encoder"}


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/v2/models/other.encoder", 404, "not-found"),
        ("POST", "/v2/models/other.encoder/infer", 404, "not-found"),
        ("GET", "/v2/models/square.sampler", 404, "not-found"),
        ("GET", "/v2/models/square.stats", 404, "not-found"),
        ("GET", "/v2/models/square", 404, "not-found"),
        ("POST", "/v2/models/square.encoder/versions/2/infer", 404, "not-found"),
        ("GET", "/v2/models/square.encoder/infer", 405, "method-not-allowed"),
    ],
)
def test_other_names_are_problems(
    several: Client, method: str, path: str, status: int, kind: str
) -> None:
    """The protocol's clients find the message in ``error``."""
    check_problem(several.request(method, path), status, kind)


def test_the_index_has_each_model(several: Client, square: FakeAutoencoder) -> None:
    """Those that fail or could not be loaded are unavailable, with the reason."""
    square.broken = True
    index = several.request("POST", "/v2/repository/index").json()
    states = {model["name"]: (model["state"], model["reason"]) for model in index}

    assert states == {
        "encoder": ("READY", ""),
        "decoder": ("READY", ""),
        "inspector": ("READY", ""),
        "bad.encoder": ("UNAVAILABLE", "half"),
        "bad.decoder": ("UNAVAILABLE", "half"),
        "fake.encoder": ("READY", ""),
        "fake.decoder": ("READY", ""),
        "fake.inspector": ("READY", ""),
        "square.encoder": ("UNAVAILABLE", "the fake is broken"),
        "square.decoder": ("UNAVAILABLE", "the fake is broken"),
    }


def test_each_model_has_its_own_readiness(
    several: Client, square: FakeAutoencoder
) -> None:
    """It is that of an inference by the model."""
    ready = several.get(f"{SQUARE}decoder/ready").json()
    assert ready == {"name": "square.decoder", "ready": True}

    square.broken = True
    failed = several.get(f"{SQUARE}decoder/ready")
    check_problem(failed, 503, "inference-failed")
    assert several.get(f"{DECODER}/ready").status_code == 200


def test_a_model_without_an_inspector_has_none_by_its_name(several: Client) -> None:
    """Another model's inspector is served meanwhile."""
    for path in ("", "/config", "/stats", "/ready"):
        missing = several.get(f"{SQUARE}inspector{path}")
        check_problem(missing, 404, "not-found")
        assert several.get(f"/v2/models/fake.inspector{path}").status_code == 200
    assert (
        several.post("/models/square/inspect", {"images": [FIRST]}).status_code == 404
    )


def test_the_same_bytes_are_each_models_own_request(several: Client) -> None:
    """A text that is kept for one name is not taken for another's."""
    body, content = binary_pixels(BLACK)
    text = json.dumps(body | {"parameters": {"binary_data_output": True}}).encode()
    headers = {LENGTH_HEADER: str(len(text))}
    for _ in range(2):
        for name in ("encoder", "fake.encoder"):
            response = several.request(
                "POST",
                f"/v2/models/{name}/infer",
                content=text + content,
                headers=headers,
            )
            length = int(response.headers[LENGTH_HEADER])
            assert json.loads(response.content[:length])["model_name"] == name
