"""Metadata and probes of the Open Inference Protocol."""

import pytest
from pydantic import SecretStr

from service.app import create_app
from service.settings import Settings
from tests.samples import FakeAutoencoder
from tests.service.conftest import Client
from tests.service.oip.protocol import DECODER, ENCODER, VERSION, check_problem, pixels

KEY = "a-key-of-some-length"
COMMON = {"versions": ["1"], "platform": "onnxruntime_onnx"}


def test_the_server_has_a_name_and_extensions(client: Client) -> None:
    """Clients look up in the extensions whether tensors may be binary."""
    metadata = client.get("/v2").json()
    schema = client.get("/openapi.json").json()

    assert metadata["name"] == "vae-service"
    assert metadata["version"] == schema["info"]["version"]
    assert metadata["extensions"] == [
        "binary_tensor_data",
        "model_configuration",
        "statistics",
    ]


@pytest.mark.parametrize("version", ["", VERSION])
def test_the_metadata_of_a_model_describes_its_tensors(
    client: Client, version: str
) -> None:
    """Sizes are the card's, and -1 is the batch; the path may have the version."""
    image, point = [-1, 1, 2, 3], [-1, 6]
    encoder = client.get(ENCODER + version).json()
    decoder = client.get(DECODER + version).json()

    assert encoder == {
        "name": "encoder",
        **COMMON,
        "inputs": [{"name": "pixels", "datatype": "FP32", "shape": image}],
        "outputs": [
            {"name": "mean", "datatype": "FP32", "shape": point},
            {"name": "log_variance", "datatype": "FP32", "shape": point},
        ],
    }
    assert decoder == {
        "name": "decoder",
        **COMMON,
        "inputs": [{"name": "latent", "datatype": "FP32", "shape": point}],
        "outputs": [{"name": "pixels", "datatype": "FP32", "shape": image}],
    }


def test_probes_succeed_while_inference_does(client: Client) -> None:
    """Each has the protocol's own response."""
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    for version in ("", VERSION):
        response = client.get(f"{DECODER}{version}/ready")
        assert response.json() == {"name": "decoder", "ready": True}


@pytest.mark.parametrize(
    ("broken", "kind"), [(True, "inference-failed"), (False, "draining")]
)
def test_readiness_is_that_of_readyz(
    client: Client,
    autoencoder: FakeAutoencoder,
    broken: bool,  # noqa: FBT001 - a case
    kind: str,
) -> None:
    """It fails if inference fails, and once the service is about to stop.

    Liveness does not.
    """
    autoencoder.broken = broken
    client.app.state.draining = not broken

    for path in (
        "/v2/health/ready",
        f"{ENCODER}/ready",
        f"{DECODER}{VERSION}/ready",
    ):
        check_problem(client.get(path), 503, kind)
    assert client.get("/v2/health/live").status_code == 200


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
def test_unknown_paths_and_methods_are_problems(
    client: Client, method: str, path: str, status: int, kind: str
) -> None:
    """The protocol's clients find the message in ``error``."""
    check_problem(client.request(method, path), status, kind)


def test_the_index_has_the_state_of_each_model(
    client: Client, autoencoder: FakeAutoencoder
) -> None:
    """The body of the request is ignored; a failed inference makes all unavailable."""
    path = "/v2/repository/index"
    for content in (b"", b'{"ready": true}'):
        response = client.request("POST", path, content=content)
        assert response.json() == [
            {"name": "encoder", "version": "1", "state": "READY", "reason": ""},
            {"name": "decoder", "version": "1", "state": "READY", "reason": ""},
            {"name": "inspector", "version": "1", "state": "READY", "reason": ""},
        ]

    autoencoder.broken = True
    response = client.request("POST", path)
    assert response.status_code == 200
    for model in response.json():
        assert model["state"] == "UNAVAILABLE"
        assert model["reason"] == "the fake is broken"


@pytest.mark.parametrize("path", ["/v2x", "/nothing"])
def test_other_problems_have_no_error(client: Client, path: str) -> None:
    """Only the protocol's paths repeat the detail in ``error``."""
    assert "error" not in client.get(path).json()


def test_only_probes_need_no_key(
    settings: Settings, autoencoder: FakeAutoencoder
) -> None:
    """These are the server's probes."""
    settings = settings.model_copy(update={"api_keys": (SecretStr(KEY),)})
    client = Client(create_app(settings, autoencoder))
    infer_path = f"{ENCODER}/infer"

    assert client.get("/v2/health/live").status_code == 200
    assert client.get("/v2/health/ready").status_code == 200
    for method, path in (("GET", "/v2"), ("GET", ENCODER), ("POST", infer_path)):
        response = client.request(method, path)
        check_problem(response, 401, "unauthorized", "an API key is needed")
    response = client.request(
        "POST", infer_path, json=pixels(), headers={"X-API-Key": KEY}
    )
    assert response.status_code == 200
