"""Inference with the fake model, whose mean is the pixels."""

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from service.api.body import JSON, Body
from service.api.state import AppState
from service.app import create_app
from service.model.batching import FULL_BATCH
from service.observability.exposition import metrics_text
from service.observability.request_context import RequestContext
from service.oip.infer import infer_routes
from service.settings import Settings
from tests.samples import DIGIT_COST, FIRST, FakeAutoencoder, full_queue
from tests.service.conftest import Client, Json
from tests.service.oip.protocol import (
    BLACK,
    DECODER,
    ENCODER,
    LATENT,
    LENGTH_HEADER,
    VERSION,
    binary_latents,
    binary_pixels,
    check_invalid,
    check_problem,
    infer,
    infer_bytes,
    latent,
    latents,
    pixels,
    tensors_of,
)

NO_JSON = {LENGTH_HEADER: "0"}


@pytest.fixture
def state(client: Client) -> AppState:
    """State of the client's application."""
    return client.app.state


def test_the_encoder_returns_the_posterior_of_unrounded_pixels(client: Client) -> None:
    """Pixels between two grey levels are not rounded."""
    values = np.linspace(0, 1, 12, dtype=np.float32)
    response = infer(client, ENCODER, pixels(2, data=values.tolist()))

    assert response == {
        "model_name": "encoder",
        "model_version": "1",
        "outputs": [
            {
                "name": "mean",
                "datatype": "FP32",
                "shape": [2, 6],
                "data": values.tolist(),
            },
            {
                "name": "log_variance",
                "datatype": "FP32",
                "shape": [2, 6],
                "data": (values / 2).tolist(),
            },
        ],
    }


def test_the_decoder_returns_pixels_in_the_shape_of_the_encoder(client: Client) -> None:
    """The fake's pixels are the latent."""
    (output,) = infer(client, DECODER, latent())["outputs"]

    assert output["name"] == "pixels"
    assert output["shape"] == [1, 1, 2, 3]
    assert output["data"] == np.array(LATENT, np.float32).tolist()


def test_the_encoder_agrees_with_encode(client: Client) -> None:
    """A grey level in a PNG is 255 times the pixel in [0, 1]."""
    (posterior,) = client.operate("/encode", images=[FIRST])["latents"]
    data = [level / 255 for level in range(6)]
    mean, log_variance = infer(client, ENCODER, pixels(data=data))["outputs"]

    assert mean["data"] == posterior["mean"]
    assert log_variance["data"] == posterior["log_variance"]


def test_numbers_may_be_nested(client: Client) -> None:
    """One list, and lists of lists by row, are equivalent."""
    (tensor,) = pixels(2)["inputs"]
    nested = np.reshape(tensor["data"], (2, 1, 2, 3)).tolist()

    expected = infer(client, ENCODER, pixels(2))
    assert infer(client, ENCODER, pixels(2, data=nested)) == expected


def test_the_path_may_have_the_version(client: Client) -> None:
    """There is one version, so the response is the same."""
    expected = infer(client, ENCODER, pixels())

    assert infer(client, ENCODER + VERSION, pixels()) == expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["log_variance"], ["log_variance"]),
        (["log_variance", "mean"], ["log_variance", "mean"]),
        ([], ["mean", "log_variance"]),
        (["mean"] * 3, ["mean"]),
    ],
)
def test_outputs_can_be_selected(
    client: Client, names: list[str], expected: list[str]
) -> None:
    """They are in the requested order, each once; an empty list requests all."""
    all_outputs = infer(client, ENCODER, pixels())["outputs"]
    by_name = {output["name"]: output for output in all_outputs}
    body = pixels() | {"outputs": [{"name": name} for name in names]}
    outputs = infer(client, ENCODER, body)["outputs"]

    assert outputs == [by_name[name] for name in expected]


def test_the_id_is_returned_and_other_parameters_are_ignored(client: Client) -> None:
    """Clients send timeouts and content types of their own."""
    body = pixels(parameters={"content_type": "np"})
    body |= {"id": "mine", "parameters": {"timeout": 5}}
    response = infer(client, ENCODER, body)

    assert response["id"] == "mine"
    assert response["outputs"] == infer(client, ENCODER, pixels())["outputs"]


@pytest.mark.parametrize(
    ("default", "choices", "binary"),
    [
        (None, None, []),
        (True, None, ["mean", "log_variance"]),
        (True, [False, None], ["log_variance"]),
        (None, [True, False], ["mean"]),
        (False, [True, True], ["mean", "log_variance"]),
    ],
)
def test_each_output_may_be_binary(
    client: Client,
    random: np.random.Generator,
    default: bool | None,  # noqa: FBT001 - a case
    choices: list[bool | None] | None,
    binary: list[str],
) -> None:
    """The request has a default, and a choice for each output."""
    values = random.random((3, 1, 2, 3), dtype=np.float32)
    body, content = binary_pixels(values)
    if default is not None:
        body["parameters"] = {"binary_data_output": default}
    if choices:
        body["outputs"] = [{"name": "mean"}, {"name": "log_variance"}]
        for output, choice in zip(body["outputs"], choices, strict=True):
            if choice is not None:
                output["parameters"] = {"binary_data": choice}
    response = infer_bytes(client, body, content)
    tensors = tensors_of(response)

    media_type = "application/octet-stream" if binary else "application/json"
    assert response.headers["content-type"] == media_type
    assert (LENGTH_HEADER in response.headers) is bool(binary)
    assert np.array_equal(tensors["mean"], values.reshape(3, 6))
    assert np.array_equal(tensors["log_variance"], values.reshape(3, 6) / 2)
    for name in tensors:
        described = f'"{name}","datatype":"FP32","shape":[3,6],"parameters":'
        assert (described in response.text) is (name in binary)


@pytest.mark.parametrize("accept", ["application/json", "application/octet-stream"])
def test_accept_does_not_select_the_form_of_the_response(
    client: Client, accept: str
) -> None:
    """The request's body does."""
    body, content = binary_pixels(BLACK)
    body["parameters"] = {"binary_data_output": True}
    response = infer_bytes(client, body, content, {"Accept": accept})

    assert response.headers["content-type"] == "application/octet-stream"


def test_integers_may_have_a_zero_fraction(client: Client, state: AppState) -> None:
    """2.0 is an integer in JSON Schema; the items are counted in full."""
    shape = [2.0, 1, 2.0, 3]
    expected = infer(client, ENCODER, pixels(2))
    assert infer(client, ENCODER, pixels(2, shape=shape)) == expected

    body, content = binary_pixels(BLACK, 24.0)
    assert infer_bytes(client, body, content).status_code == 200

    counted = state.metrics.route_counts(f"{ENCODER}/infer").images
    infer(client, ENCODER, pixels(2, shape=shape))
    assert state.metrics.route_counts(f"{ENCODER}/infer").images == counted + 2


def test_all_items_are_computed_in_one_call(
    client: Client, autoencoder: FakeAutoencoder
) -> None:
    """The other graph is not called."""
    autoencoder.batches.clear()
    infer(client, ENCODER, pixels(12))

    assert autoencoder.batches == [12]


@pytest.mark.parametrize(
    "fields",
    [
        # KServe's Python client, InferRequest.to_rest()
        {"id": "8e4c", "model_name": "encoder"},
        {"model_name": "encoder", "outputs": [{"name": "mean"}]},
        {"model_name": "encoder", "parameters": {"hint": 1, "text": "x", "on": True}},
        {"model_name": "encoder", "model_version": "1"},
        # MLServer's client: all fields, even if they are null
        {"id": None, "parameters": None, "outputs": None},
        {
            "parameters": {"content_type": "np", "headers": {"a": "b"}},
            "outputs": [{"name": "mean", "parameters": {"content_type": "np"}}],
        },
        {"outputs": [{"name": "mean", "parameters": None}]},
    ],
)
def test_fields_that_clients_add_do_not_change_the_response(
    client: Client, fields: Json
) -> None:
    """The mean is the same as without them."""
    response = infer(client, ENCODER, pixels() | fields)
    expected = infer(client, ENCODER, pixels())

    assert response["outputs"][0] == expected["outputs"][0]


def test_a_body_may_be_a_tensor_without_json(
    client: Client, random: np.random.Generator
) -> None:
    """The number of bytes says the number of items; the outputs are binary."""
    values = random.random((3, 1, 2, 3), dtype=np.float32)
    response = client.request(
        "POST",
        f"{ENCODER}/infer",
        content=values.astype("<f4").tobytes(),
        headers=NO_JSON | {"Content-Type": "application/octet-stream"},
    )
    tensors = tensors_of(response)

    assert response.headers["content-type"] == "application/octet-stream"
    assert np.array_equal(tensors["mean"], values.reshape(3, 6))
    assert np.array_equal(tensors["log_variance"], values.reshape(3, 6) / 2)


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (b"1234567", "the body must be items of 24 bytes; has 7 bytes"),
        (bytes(25), "the body must be items of 24 bytes; has 25 bytes"),
        (bytes(24 * 13), "is [13, 1, 2, 3]"),
        (b"\xff" * 24, "must have numbers from 0 to 1; has nan"),
        (b"", "not JSON"),
    ],
)
def test_an_invalid_tensor_without_json_is_rejected(
    client: Client, content: bytes, detail: str
) -> None:
    """Number of bytes, number of items and range are checked."""
    response = client.request(
        "POST", f"{ENCODER}/infer", content=content, headers=NO_JSON
    )

    check_invalid(response, detail)


def test_two_inputs_with_bytes_are_rejected_for_their_number(client: Client) -> None:
    """The number of bytes, which is also wrong, is not mentioned."""
    body, content = binary_pixels(BLACK)
    response = infer_bytes(client, {"inputs": body["inputs"] * 2}, content * 2)

    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "#/inputs"
    assert "at most 1 item" in response.json()["detail"]


@pytest.mark.parametrize("length", ["-1", "+5", "", "1e3", "100000", "9" * 5000])
def test_the_length_of_the_json_is_a_number_within_the_body(
    client: Client, length: str
) -> None:
    """Any other value of the header is rejected."""
    response = infer_bytes(client, pixels(), b"", {LENGTH_HEADER: length})

    check_invalid(response, f"{LENGTH_HEADER} must be 0 to ")


def test_a_length_that_cuts_the_json_is_rejected(client: Client) -> None:
    """The rest of it is not JSON."""
    response = infer_bytes(client, pixels(), b"", {LENGTH_HEADER: "20"})

    check_invalid(response, "not JSON")


@pytest.mark.parametrize(
    ("claimed", "sent", "detail"),
    [
        (24, 20, "20 bytes follow the JSON; binary_data_size is 24"),
        (24, 28, "28 bytes follow the JSON; binary_data_size is 24"),
        (0, 24, "24 bytes follow the JSON; binary_data_size is 0"),
        (-24, 24, "24 bytes follow the JSON; binary_data_size is -24"),
        (20, 20, "must have 24 bytes; has 20"),
        (48, 48, "must have 24 bytes; has 48"),
        (0, 0, "must have 24 bytes; has 0"),
    ],
)
def test_a_wrong_binary_data_size_is_rejected(
    client: Client, claimed: int, sent: int, detail: str
) -> None:
    """It must be the number of bytes sent, and the number that the shape needs."""
    body, _ = binary_pixels(BLACK, claimed)

    check_invalid(infer_bytes(client, body, bytes(sent)), detail)


@pytest.mark.parametrize("body", [pixels(), {"inputs": 1}])
def test_bytes_without_a_binary_data_size_are_rejected(
    client: Client, body: dict[str, object]
) -> None:
    """This holds for valid and invalid JSON."""
    check_invalid(infer_bytes(client, body, b"1"), "1 bytes follow the JSON")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Content-Type": "application/json; charset=utf-8"}, 200),
        ({"Content-Type": "application/octet-stream"}, 200),
        ({"Content-Type": "application/json", "Origin": "http://page"}, 200),
        ({"Origin": "http://page"}, 415),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Encoding": "br"}, 415),
    ],
)
def test_a_body_may_have_no_type_unless_it_has_an_origin(
    client: Client, headers: dict[str, str], status: int
) -> None:
    """A body without a type, as tritonclient sends it, is accepted.

    A web page can send one without a preflight, but not without an Origin header.
    """
    response = infer_bytes(client, *binary_pixels(BLACK), headers)

    assert response.status_code == status
    if status == 415:
        check_problem(response, 415, "unsupported-media-type", "must be")


def test_a_body_that_is_too_large_is_rejected(client: Client) -> None:
    """The limit is that of all bodies."""
    response = infer_bytes(client, {}, bytes(4096))

    limit = "the limit is 4096 (VAE_MAX_BODY_BYTES)"
    check_problem(response, 413, "body-too-large", limit)


def test_items_are_admitted_like_images(client: Client, state: AppState) -> None:
    """They are rejected if they would wait too long."""
    with full_queue(state.scheduler):
        response = client.post(f"{ENCODER}/infer", pixels(9))

    detail = "the work before this request takes 1 s; the limit is 1 s"
    check_problem(response, 503, "overloaded", detail)
    assert response.headers["retry-after"] == "2"
    assert state.scheduler.pending_seconds == 0
    infer(client, ENCODER, pixels(9))


def test_a_failed_inference_is_a_503(
    client: Client, autoencoder: FakeAutoencoder
) -> None:
    """The problem is that of the operations."""
    autoencoder.broken = True
    response = client.post(f"{ENCODER}/infer", pixels())

    check_problem(response, 503, "inference-failed", "the fake is broken")


@pytest.mark.parametrize("version", ["", VERSION])
def test_items_and_times_are_counted_by_route(
    client: Client, state: AppState, version: str
) -> None:
    """Each route has its own label; unknown paths have none."""
    infer_path = f"{ENCODER}{version}/infer"
    others = [f"{ENCODER}{version}", f"{DECODER}{version}/ready", "/v2"]
    response = client.post(infer_path, pixels(5))
    for path in others:
        client.get(path)
    client.get("/v2/models/anything")
    metrics = metrics_text(state.metrics, []).decode()

    count = "vae_request_duration_seconds_count"
    assert "infer;dur=" in response.headers["server-timing"]
    assert f'vae_images_total{{route="{infer_path}"}} 5.0' in metrics
    for path in (infer_path, *others):
        assert f'{count}{{route="{path}",status="200"}} 1.0' in metrics
    assert f'{count}{{route="other",status="404"}} 1.0' in metrics
    assert "anything" not in metrics


def test_a_response_of_many_numbers_is_binary(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As JSON it is rejected: all threads would wait until it is written."""
    monkeypatch.setattr("service.oip.infer.MAX_JSON_NUMBERS", 6 * 7)
    infer(client, DECODER, latents(7))
    response = client.post(f"{DECODER}/infer", latents(8))
    check_invalid(response, "48 numbers as JSON; the limit is 42")
    binary = client.post(f"{DECODER}/infer", binary_latents(8))
    assert tensors_of(binary)["pixels"].shape == (8, 1, 2, 3)


@pytest.mark.parametrize(
    ("path", "body", "batch", "heavy"),
    [
        (ENCODER, pixels, 256, False),
        (DECODER, latents, 24, False),
        (DECODER, latents, 25, True),
        (DECODER, binary_latents, 256, False),
    ],
)
def test_many_numbers_as_json_are_heavy(
    settings: Settings,
    autoencoder: FakeAutoencoder,
    path: str,
    body: Callable[[int], Json],
    batch: int,
    heavy: bool,  # noqa: FBT001 - a case
) -> None:
    """Pixels take longer to write as JSON than as bytes, and longer than latents."""
    settings = settings.model_copy(update={"max_items": 256})
    state = create_app(settings, autoencoder).state
    routes = {route.path: route for route in infer_routes(state)}
    content = Body(json.dumps(body(batch)).encode())
    context = RequestContext("test")
    model = replace(state.model, image_cost=DIGIT_COST)
    request, job = routes[f"{path}/infer"].make_job(content, JSON, model, context)

    assert request.image_count == context.images == batch
    assert (job.cost > FULL_BATCH.cost) is heavy
