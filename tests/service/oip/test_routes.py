"""The Open Inference Protocol around the fake autoencoder, whose latents are the pixels."""

import json
from typing import Any

import httpx
import numpy as np
import pytest
from pydantic import SecretStr

from service.api.body import JSON, Body
from service.api.state import AppState
from service.app import create_app
from service.model.autoencoder import Floats
from service.model.batching import OFFLOAD_FROM_COST
from service.observability.request_context import RequestContext
from service.oip.infer import infer_routes
from service.settings import Settings
from tests.samples import FIRST, FakeAutoencoder
from tests.service.conftest import Client

Json = dict[str, Any]
IMAGE = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
LATENT = [0.0, -10.0, 10.0, 0.25, 1e-9, 3]
PATHS = ["/v2/models/{}", "/v2/models/{}/versions/1"]


@pytest.fixture
def state(client: Client) -> AppState:
    """Return the state of the client's application."""
    return client.app.state


def pixels(batch: int = 1, **other: object) -> Json:
    """A request for the encoder."""
    return {
        "inputs": [
            {
                "name": "pixels",
                "shape": [batch, 1, 2, 3],
                "datatype": "FP32",
                "data": IMAGE * batch,
                **other,
            }
        ]
    }


def latent(**other: object) -> Json:
    """A request for the decoder."""
    return {
        "inputs": [
            {
                "name": "latent",
                "shape": [1, 6],
                "datatype": "FP32",
                "data": LATENT,
                **other,
            }
        ]
    }


def infer(client: Client, model: str, body: Json) -> Json:
    """Ask a model in JSON."""
    answer = client.post(f"/v2/models/{model}/infer", body)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    content: Json = answer.json()
    return content


def infer_bytes(
    client: Client, body: Json, binary: bytes, headers: dict[str, str] | None = None
) -> httpx.Response:
    """Ask the encoder with bytes behind the JSON, as tritonclient does: without a type."""
    content = json.dumps(body).encode()
    length = {"Inference-Header-Content-Length": str(len(content))}
    return client.request(
        "POST",
        "/v2/models/encoder/infer",
        content=content + binary,
        headers={**length, **(headers or {})},
    )


def binary_pixels(values: Floats, size: float | None = None) -> tuple[Json, bytes]:
    """A request for the encoder whose numbers are bytes, and the bytes."""
    binary = values.astype("<f4").tobytes()
    tensor = {"name": "pixels", "shape": list(values.shape), "datatype": "FP32"}
    return {
        "inputs": [
            {
                **tensor,
                "parameters": {
                    "binary_data_size": len(binary) if size is None else size
                },
            }
        ]
    }, binary


def tensors_of(answer: httpx.Response) -> dict[str, Floats]:
    """The outputs of an answer whose numbers are bytes, or not."""
    length = int(
        answer.headers.get("inference-header-content-length", len(answer.content))
    )
    binary = answer.content[length:]
    tensors = {}
    for output in json.loads(answer.content[:length])["outputs"]:
        if "parameters" in output:
            assert "data" not in output
            size = output["parameters"]["binary_data_size"]
            values, binary = np.frombuffer(binary[:size], "<f4"), binary[size:]
        else:
            values = np.array(output["data"], np.float32)
        tensors[output["name"]] = values.reshape(output["shape"])
    assert binary == b""
    return tensors


def check_refusal(answer: httpx.Response, status: int, kind: str, detail: str) -> None:
    """A refusal is a problem, and has its detail where clients of the protocol look for it."""
    body = answer.json()
    assert (answer.status_code, body["type"]) == (
        status,
        f"urn:vae-service:problem:{kind}",
    )
    assert answer.headers["content-type"] == "application/problem+json"
    assert detail in body["detail"]
    assert body["error"] == body["detail"]


def test_the_server_names_itself_and_its_extensions(client: Client) -> None:
    """Clients look there whether tensors may be binary."""
    answer = client.get("/v2").json()

    assert answer["name"] == "vae-service"
    assert answer["version"] == client.get("/openapi.json").json()["info"]["version"]
    assert answer["extensions"] == [
        "binary_tensor_data",
        "model_configuration",
        "statistics",
    ]


@pytest.mark.parametrize("path", PATHS)
def test_models_tell_their_tensors(client: Client, path: str) -> None:
    """With the card's sizes, and -1 for the batch, with the version named or not."""
    image, point = [-1, 1, 2, 3], [-1, 6]
    common = {"versions": ["1"], "platform": "onnxruntime_onnx"}

    assert client.get(path.format("encoder")).json() == {
        "name": "encoder",
        **common,
        "inputs": [{"name": "pixels", "datatype": "FP32", "shape": image}],
        "outputs": [
            {"name": "mean", "datatype": "FP32", "shape": point},
            {"name": "log_variance", "datatype": "FP32", "shape": point},
        ],
    }
    assert client.get(path.format("decoder")).json() == {
        "name": "decoder",
        **common,
        "inputs": [{"name": "latent", "datatype": "FP32", "shape": point}],
        "outputs": [{"name": "pixels", "datatype": "FP32", "shape": image}],
    }


def test_probes_are_well_while_the_model_computes(client: Client) -> None:
    """Each says so in the protocol's words."""
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    for path in PATHS:
        assert client.get(f"{path.format('decoder')}/ready").json() == {
            "name": "decoder",
            "ready": True,
        }


@pytest.mark.parametrize(
    ("broken", "kind"), [(True, "inference-failed"), (False, "draining")]
)
def test_readiness_is_that_of_readyz(
    client: Client,
    autoencoder: FakeAutoencoder,
    state: AppState,
    broken: bool,  # noqa: FBT001 - a case
    kind: str,
) -> None:
    """It falls where the model does not compute, and once the service is about to stop; liveness stays."""
    autoencoder.broken, state.draining = broken, not broken

    for path in (
        "/v2/health/ready",
        "/v2/models/encoder/ready",
        "/v2/models/decoder/versions/1/ready",
    ):
        check_refusal(client.get(path), 503, kind, "")
    assert client.get("/v2/health/live").status_code == 200


def test_the_encoder_gives_posteriors_of_floats_that_are_not_rounded(
    client: Client,
) -> None:
    """The fake's mean is the pixels: between two grey levels they stay as they are."""
    values = np.linspace(0, 1, 12, dtype=np.float32)
    tensor = {
        "name": "pixels",
        "shape": [2, 1, 2, 3],
        "datatype": "FP32",
        "data": values.tolist(),
    }
    answer = infer(client, "encoder", {"inputs": [tensor]})

    assert answer == {
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


def test_the_decoder_gives_pixels_in_the_shape_that_the_encoder_takes(
    client: Client,
) -> None:
    """The fake's pixels are the latent."""
    (output,) = infer(client, "decoder", latent())["outputs"]

    assert (output["name"], output["shape"]) == ("pixels", [1, 1, 2, 3])
    assert output["data"] == np.array(LATENT, np.float32).tolist()


def test_numbers_may_be_nested_as_the_shape_says(client: Client) -> None:
    """In one list, or in lists of lists by row."""
    nested = np.reshape(IMAGE * 2, (2, 1, 2, 3)).tolist()

    assert infer(client, "encoder", pixels(2, data=nested)) == infer(
        client, "encoder", pixels(2)
    )


def test_the_versions_path_is_the_same(client: Client) -> None:
    """There is one version."""
    answer = client.post("/v2/models/encoder/versions/1/infer", pixels())

    assert answer.json() == infer(client, "encoder", pixels())


def test_outputs_are_those_asked_for(client: Client) -> None:
    """In the order asked for, each once; an empty list asks for all."""
    both = infer(client, "encoder", pixels())["outputs"]

    assert (
        infer(client, "encoder", {**pixels(), "outputs": [{"name": "log_variance"}]})[
            "outputs"
        ]
        == both[1:]
    )
    turned = {**pixels(), "outputs": [{"name": "log_variance"}, {"name": "mean"}]}
    assert infer(client, "encoder", turned)["outputs"] == both[::-1]
    assert infer(client, "encoder", {**pixels(), "outputs": []})["outputs"] == both
    assert (
        infer(client, "encoder", {**pixels(), "outputs": [{"name": "mean"}] * 3})[
            "outputs"
        ]
        == both[:1]
    )


def test_the_id_comes_back_and_other_parameters_are_passed_over(client: Client) -> None:
    """Clients send timeouts and hints of their own."""
    body = pixels(parameters={"content_type": "np"})

    answer = infer(
        client, "encoder", {**body, "id": "mine", "parameters": {"timeout": 5}}
    )
    assert answer["id"] == "mine"
    assert answer["outputs"] == infer(client, "encoder", pixels())["outputs"]


@pytest.mark.parametrize(
    ("default", "wanted", "binary"),
    [
        (None, None, []),
        (True, None, ["mean", "log_variance"]),
        (True, [False, None], ["log_variance"]),
        (None, [True, False], ["mean"]),
        (False, [True, True], ["mean", "log_variance"]),
    ],
)
def test_numbers_are_bytes_where_that_is_asked_for(
    client: Client,
    random: np.random.Generator,
    default: bool | None,  # noqa: FBT001 - a case
    wanted: list[bool | None] | None,
    binary: list[str],
) -> None:
    """Both ways, and for each output on its own; the numbers are the same."""
    values = random.random((3, 1, 2, 3), dtype=np.float32)
    body, content = binary_pixels(values)
    if default is not None:
        body["parameters"] = {"binary_data_output": default}
    if wanted:
        parameters = [
            {} if choice is None else {"parameters": {"binary_data": choice}}
            for choice in wanted
        ]
        body["outputs"] = [
            {"name": name, **choice}
            for name, choice in zip(("mean", "log_variance"), parameters, strict=True)
        ]
    answer = infer_bytes(client, body, content)
    tensors = tensors_of(answer)

    assert answer.headers["content-type"] == (
        "application/octet-stream" if binary else "application/json"
    )
    assert ("inference-header-content-length" in answer.headers) is bool(binary)
    assert np.array_equal(tensors["mean"], values.reshape(3, 6))
    assert np.array_equal(tensors["log_variance"], values.reshape(3, 6) / 2)
    for name in tensors:
        assert (
            f'"{name}","datatype":"FP32","shape":[3,6],"parameters":' in answer.text
        ) is (name in binary)


def test_two_inputs_are_refused_as_such_though_bytes_follow(client: Client) -> None:
    """Not for the number of the bytes."""
    body, content = binary_pixels(np.zeros((1, 1, 2, 3), np.float32))
    answer = infer_bytes(client, {"inputs": body["inputs"] * 2}, content * 2)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "#/inputs"
    assert "at most 1 item" in answer.json()["detail"]


@pytest.mark.parametrize("accept", ["application/json", "application/octet-stream"])
def test_either_type_of_answer_may_be_accepted(client: Client, accept: str) -> None:
    """The body says which it is."""
    body, content = binary_pixels(np.zeros((1, 1, 2, 3), np.float32))
    body["parameters"] = {"binary_data_output": True}
    answer = infer_bytes(client, body, content, {"Accept": accept})

    assert answer.headers["content-type"] == "application/octet-stream"


def test_whole_numbers_may_be_written_as_fractions(
    client: Client, state: AppState
) -> None:
    """As JSON Schema counts them, and they are counted in full."""
    assert infer(client, "encoder", pixels(2, shape=[2.0, 1, 2.0, 3])) == infer(
        client, "encoder", pixels(2)
    )
    body, content = binary_pixels(np.zeros((1, 1, 2, 3), np.float32), 24.0)
    assert infer_bytes(client, body, content).status_code == 200
    state.scheduler.pending_images += 2047
    answer = client.post("/v2/models/encoder/infer", pixels(2, shape=[2.0, 1, 2, 3]))
    state.scheduler.pending_images -= 2047
    check_refusal(answer, 503, "overloaded", "2 more would exceed 2048")


def test_a_batch_is_one_call_of_the_graph(
    client: Client, autoencoder: FakeAutoencoder
) -> None:
    """However many items came, and the other graph rests."""
    autoencoder.batches.clear()
    infer(client, "encoder", pixels(12))

    assert autoencoder.batches == [12]


INVALID: list[tuple[str, Json, str, str]] = [
    ("encoder", {}, "#/inputs", "Field required"),
    ("encoder", {"inputs": []}, "#/inputs", "at least 1 item"),
    ("encoder", {"inputs": pixels()["inputs"] * 2}, "#/inputs", "at most 1 item"),
    ("encoder", {**pixels(), "input": 1}, "#/input", "Extra inputs"),
    ("encoder", {**pixels(), "id": 7}, "#/id", "valid string"),
    (
        "encoder",
        {**pixels(), "parameters": {"binary_data_output": 1}},
        "#/parameters/binary_data_output",
        "boolean",
    ),
    ("encoder", pixels(name="latent"), "#/inputs/0/name", "must be pixels; is latent"),
    ("decoder", latent(name="mean"), "#/inputs/0/name", "must be latent; is mean"),
    ("encoder", pixels(datatype="FP64"), "#/inputs/0/datatype", "'FP32'"),
    ("encoder", pixels(datatype="UINT8"), "#/inputs/0/datatype", "'FP32'"),
    ("encoder", pixels(shape=[]), "#/inputs/0/shape", "at least 1 item"),
    (
        "encoder",
        pixels(shape=[1, 6]),
        "#/inputs/0/shape",
        "must be [1 to 12 (VAE_MAX_ITEMS), 1, 2, 3]; is [1, 6]",
    ),
    ("encoder", pixels(shape=[1, 1, 3, 2]), "#/inputs/0/shape", "is [1, 1, 3, 2]"),
    ("encoder", pixels(shape=[-1, 1, 2, 3]), "#/inputs/0/shape", "is [-1, 1, 2, 3]"),
    (
        "encoder",
        pixels(shape=[0, 1, 2, 3], data=[]),
        "#/inputs/0/shape",
        "is [0, 1, 2, 3]",
    ),
    ("encoder", pixels(13), "#/inputs/0/shape", "is [13, 1, 2, 3]"),
    ("encoder", pixels(shape=[10**400, 1, 2, 3]), "#/inputs/0/shape", "is [1000000"),
    ("encoder", pixels(shape=["1", 1, 2, 3]), "#/inputs/0/shape/0", "valid integer"),
    ("encoder", pixels(shape=[2, 1, 2, 3]), "#/inputs/0/data", "must have 12 numbers"),
    ("encoder", pixels(data=IMAGE[:5]), "#/inputs/0/data", "must have 6 numbers"),
    ("encoder", pixels(data=[*IMAGE, 0]), "#/inputs/0/data", "must have 6 numbers"),
    ("encoder", pixels(data=None), "#/inputs/0/data", "Field required"),
    ("encoder", pixels(data="AAAA"), "#/inputs/0/data", "must have 6 numbers"),
    (
        "encoder",
        pixels(data=[*IMAGE[:5], "1"]),
        "#/inputs/0/data",
        "must have 6 numbers",
    ),
    (
        "encoder",
        pixels(data=[*IMAGE[:5], True]),
        "#/inputs/0/data",
        "must have 6 numbers",
    ),
    (
        "encoder",
        pixels(data=[*IMAGE[:5], None]),
        "#/inputs/0/data",
        "must have 6 numbers",
    ),
    (
        "encoder",
        pixels(data=[[[[0, 0], [0, 0], [0, 0]]]]),
        "#/inputs/0/data",
        "nested as the shape says",
    ),
    ("encoder", pixels(data=[IMAGE]), "#/inputs/0/data", "nested as the shape says"),
    (
        "encoder",
        pixels(data=[[[[0, 0, 0], 0]]]),
        "#/inputs/0/data",
        "nested as the shape says",
    ),
    (
        "encoder",
        pixels(data=[*IMAGE[:5], 1.001]),
        "#/inputs/0/data",
        "must have numbers from 0 to 1; has 1.001",
    ),
    ("encoder", pixels(data=[*IMAGE[:5], -0.5]), "#/inputs/0/data", "has -0.5"),
    ("encoder", pixels(data=[*IMAGE[:5], 10**400]), "#/inputs/0/data", "has inf"),
    (
        "decoder",
        latent(data=[*LATENT[:5], 10.5]),
        "#/inputs/0/data",
        "must have numbers from -10 to 10 (VAE_MAX_LATENT); has 10.5",
    ),
    (
        "encoder",
        {**pixels(), "outputs": [{"name": "pixels"}]},
        "#/outputs/0/name",
        "must be mean or log_variance",
    ),
    (
        "encoder",
        {
            **pixels(),
            "outputs": [{"name": "mean", "parameters": {"classification": 2}}],
        },
        "#/outputs/0/parameters/classification",
        "Extra inputs",
    ),
    (
        "encoder",
        pixels(parameters={"binary_data_size": 24}),
        "#",
        "either data or binary_data_size",
    ),
    (
        "encoder",
        {"inputs": [{"name": "pixels", "shape": [1, 1, 2, 3], "datatype": "FP32"}]},
        "#/inputs/0/data",
        "Field required",
    ),
    ("encoder", {"inputs": [0] * 600}, "#", "the body has 602 values and names"),
]


@pytest.mark.parametrize(("model", "body", "pointer", "detail"), INVALID)
def test_what_does_not_fit_is_refused_with_its_place(
    client: Client, model: str, body: Json, pointer: str, detail: str
) -> None:
    """As elsewhere, and with an error for the protocol's clients."""
    answer = client.post(f"/v2/models/{model}/infer", body)

    check_refusal(answer, 422, "invalid-request", detail)
    assert answer.json()["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        (np.nan, "has nan"),
        (np.inf, "has inf"),
        (-np.inf, "has -inf"),
        (-1e-30, "has -1e-30"),
    ],
)
def test_bytes_that_are_no_numbers_in_bounds_are_refused(
    client: Client, value: float, detail: str
) -> None:
    """NaN and infinities, which JSON cannot have, among them."""
    values = np.zeros((2, 1, 2, 3), np.float32)
    values[1, 0, 1, 1] = value

    check_refusal(
        infer_bytes(client, *binary_pixels(values)), 422, "invalid-request", detail
    )


@pytest.mark.parametrize(
    ("said", "sent", "detail"),
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
def test_a_binary_size_that_lies_is_refused(
    client: Client, said: int, sent: int, detail: str
) -> None:
    """It must be what is sent, and what the shape asks for."""
    body, _ = binary_pixels(np.zeros((1, 1, 2, 3), np.float32), said)

    check_refusal(
        infer_bytes(client, body, bytes(sent)), 422, "invalid-request", detail
    )


@pytest.mark.parametrize("length", ["-1", "+5", "", "1e3", "100000", "9" * 5000])
def test_a_json_length_that_lies_is_refused(client: Client, length: str) -> None:
    """It must be a number, and within the body."""
    answer = infer_bytes(
        client, pixels(), b"", {"Inference-Header-Content-Length": length}
    )

    check_refusal(
        answer, 422, "invalid-request", "Inference-Header-Content-Length must be 0 to "
    )


def test_a_json_length_that_cuts_the_json_is_refused(client: Client) -> None:
    """What is left of it is not JSON."""
    answer = infer_bytes(
        client, pixels(), b"", {"Inference-Header-Content-Length": "20"}
    )

    check_refusal(answer, 422, "invalid-request", "not JSON")


def test_bytes_that_no_input_claims_are_refused(client: Client) -> None:
    """Whatever the JSON is."""
    check_refusal(
        infer_bytes(client, pixels(), b"1"),
        422,
        "invalid-request",
        "1 bytes follow the JSON",
    )
    check_refusal(
        infer_bytes(client, {"inputs": 1}, b"1"),
        422,
        "invalid-request",
        "1 bytes follow the JSON",
    )


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
def test_a_body_may_be_untyped_but_not_from_a_page(
    client: Client, headers: dict[str, str], status: int
) -> None:
    """As tritonclient sends it. A page can send one to another origin without asking, but not hide its own."""
    answer = infer_bytes(
        client, *binary_pixels(np.zeros((1, 1, 2, 3), np.float32)), headers
    )

    assert answer.status_code == status
    if status == 415:
        check_refusal(answer, 415, "unsupported-media-type", "must be")


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/v2/models/sampler", 404, "not-found"),
        ("POST", "/v2/models/sampler/infer", 404, "not-found"),
        ("POST", "/v2/models/encoder/versions/2/infer", 404, "not-found"),
        ("POST", "/v2/repository/models/encoder/load", 404, "not-found"),
        ("GET", "/v2/models/encoder/infer", 405, "method-not-allowed"),
        ("POST", "/v2", 405, "method-not-allowed"),
    ],
)
def test_what_is_not_there_is_refused(
    client: Client, method: str, path: str, status: int, kind: str
) -> None:
    """With an error that the protocol's clients read, too."""
    check_refusal(client.request(method, path), status, kind, "")


def test_the_index_has_the_state_of_each_model(
    client: Client, autoencoder: FakeAutoencoder
) -> None:
    """Whatever the body is; a model that does not compute is unavailable."""
    for content in (b"", b'{"ready": true}'):
        answer = client.request("POST", "/v2/repository/index", content=content)
        assert answer.json() == [
            {"name": name, "version": "1", "state": "READY", "reason": ""}
            for name in ("encoder", "decoder")
        ]
    autoencoder.broken = True
    answer = client.request("POST", "/v2/repository/index")

    assert answer.status_code == 200
    assert {model["state"] for model in answer.json()} == {"UNAVAILABLE"}
    assert {model["reason"] for model in answer.json()} == {"the fake is broken"}


def test_only_the_protocols_paths_have_an_error(client: Client) -> None:
    """Other clients' answers stay as they were."""
    for path in ("/v2x", "/nothing"):
        assert "error" not in client.get(path).json()


def test_a_body_that_is_too_large_is_refused(client: Client) -> None:
    """By the setting that holds for all."""
    answer = infer_bytes(client, {}, bytes(4096))

    check_refusal(
        answer, 413, "body-too-large", "the limit is 4096 (VAE_MAX_BODY_BYTES)"
    )


def test_items_are_admitted_as_images(client: Client, state: AppState) -> None:
    """They count among those that wait, and are refused beyond the limit."""
    state.scheduler.pending_images += 2040
    infer(client, "encoder", pixels(8))
    answer = client.post("/v2/models/encoder/infer", pixels(9))
    state.scheduler.pending_images -= 2040

    check_refusal(
        answer, 503, "overloaded", "2040 images are waiting; 9 more would exceed 2048"
    )
    assert answer.headers["retry-after"] == "1"
    assert state.scheduler.pending_images == 0


def test_a_model_that_does_not_compute_is_a_problem(
    client: Client, autoencoder: FakeAutoencoder
) -> None:
    """As for the operations."""
    autoencoder.broken = True

    check_refusal(
        client.post("/v2/models/encoder/infer", pixels()),
        503,
        "inference-failed",
        "the fake is broken",
    )


@pytest.mark.parametrize("path", [*PATHS])
def test_items_and_times_are_counted_by_route(
    client: Client, state: AppState, path: str
) -> None:
    """Each route has a label of its own; what is not there has none."""
    route = f"{path.format('encoder')}/infer"
    answer = client.post(route, pixels(5))
    for asked in (
        path.format("encoder"),
        f"{path.format('decoder')}/ready",
        "/v2",
        "/v2/models/anything",
    ):
        client.get(asked)
    page = state.metrics.text({}).decode()

    assert "infer;dur=" in answer.headers["server-timing"]
    assert f'vae_images_total{{route="{route}"}} 5.0' in page
    for label in (
        route,
        path.format("encoder"),
        f"{path.format('decoder')}/ready",
        "/v2",
    ):
        assert (
            f'vae_request_duration_seconds_count{{route="{label}",status="200"}} 1.0'
            in page
        )
    assert 'vae_request_duration_seconds_count{route="other",status="404"} 1.0' in page
    assert "anything" not in page


def test_keys_are_needed_but_for_the_probes(
    settings: Settings, autoencoder: FakeAutoencoder
) -> None:
    """As for /livez and /readyz, which they are."""
    settings = settings.model_copy(
        update={"api_keys": (SecretStr("a-key-of-some-length"),)}
    )
    client = Client(create_app(settings, autoencoder))

    assert (
        client.get("/v2/health/live").status_code
        == client.get("/v2/health/ready").status_code
        == 200
    )
    for method, path in (
        ("GET", "/v2"),
        ("GET", "/v2/models/encoder"),
        ("POST", "/v2/models/encoder/infer"),
    ):
        check_refusal(
            client.request(method, path), 401, "unauthorized", "an API key is needed"
        )
    key = {"X-API-Key": "a-key-of-some-length"}
    assert (
        client.request(
            "POST", "/v2/models/encoder/infer", json=pixels(), headers=key
        ).status_code
        == 200
    )


def test_it_agrees_with_encode(client: Client) -> None:
    """A grey level is its 255th."""
    (posterior,) = client.post("/encode", {"images": [FIRST]}).json()["latents"]
    data = [level / 255 for level in range(6)]
    mean, log_variance = infer(client, "encoder", pixels(data=data))["outputs"]

    assert (mean["data"], log_variance["data"]) == (
        posterior["mean"],
        posterior["log_variance"],
    )


@pytest.mark.parametrize(("batch", "is_heavy"), [(16, False), (17, True)])
def test_many_tensors_are_heavy_work(
    settings: Settings,
    autoencoder: FakeAutoencoder,
    batch: int,
    is_heavy: bool,  # noqa: FBT001 - a case
) -> None:
    """Fewer of them than of images: it takes longer to read their numbers."""
    settings = settings.model_copy(update={"max_items": 256})
    state = create_app(settings, autoencoder).state
    encoder, *_ = infer_routes(state)
    content = json.dumps(pixels(batch)).encode()
    context = RequestContext("test")
    _, job = encoder.make_job(Body(content), JSON, state.model, context)

    assert job.images == batch
    assert (job.cost >= OFFLOAD_FROM_COST) is is_heavy
