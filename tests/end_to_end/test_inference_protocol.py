"""The Open Inference Protocol to a real server, asked by Triton's own client and in plain JSON."""

from collections.abc import Iterator

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from tritonclient.http import (
    InferenceServerClient,
    InferInput,
    InferRequestedOutput,
    InferResult,
)
from tritonclient.utils import InferenceServerException

from service.model.autoencoder import Floats
from tests.end_to_end.server import Server, serve
from tests.samples import grey_png, pixels_of
from training.data.digits import Digits

BATCH = 200
OUTPUTS = {"encoder": ["mean", "log_variance"], "decoder": ["pixels"]}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A running server."""
    with serve() as server:
        yield server


@pytest.fixture(scope="module")
def triton(server: Server) -> Iterator[InferenceServerClient]:
    """Triton's client of it."""
    with InferenceServerClient(server.url.removeprefix("http://")) as client:
        yield client


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[httpx.Client]:
    """A plain client of it."""
    with server.client() as client:
        yield client


def tensor(name: str, values: Floats, *, binary: bool = True) -> InferInput:
    """An input."""
    return InferInput(name, list(values.shape), "FP32").set_data_from_numpy(
        values, binary_data=binary
    )


def infer(
    triton: InferenceServerClient,
    model: str,
    name: str,
    values: Floats,
    *,
    binary: bool,
) -> list[Floats]:
    """All outputs of a model, of values that are sent and answered in batches, in JSON or as bytes."""
    outputs = [
        InferRequestedOutput(output, binary_data=binary) for output in OUTPUTS[model]
    ]
    results: list[InferResult] = [
        triton.infer(
            model,
            [tensor(name, values[first : first + BATCH], binary=binary)],
            outputs=outputs,
        )
        for first in range(0, len(values), BATCH)
    ]
    return [
        np.concatenate([result.as_numpy(output) for result in results])
        for output in OUTPUTS[model]
    ]


def post(
    client: httpx.Client, path: str, field: str, items: list[object]
) -> list[object]:
    """What an operation of the service itself answers to items, in the same batches."""
    answers: list[object] = []
    for first in range(0, len(items), BATCH):
        answer = client.post(path, json={field: items[first : first + BATCH]})
        assert answer.status_code == 200, answer.text
        (found,) = answer.json().values()
        answers += found
    return answers


@pytest.mark.parametrize("binary", [True, False], ids=["bytes", "JSON"])
def test_tritons_client_encodes_and_decodes_1000_digits(
    triton: InferenceServerClient,
    client: httpx.Client,
    test_digits: Digits,
    binary: bool,  # noqa: FBT001 - a case
) -> None:
    """It gets the means and log-variances of /encode to 1e-6, and the pixels of /decode within one grey level."""
    grey = np.asarray(test_digits.images)
    mean, log_variance = infer(
        triton,
        "encoder",
        "pixels",
        grey.astype(np.float32) / np.float32(255),
        binary=binary,
    )
    (pixels,) = infer(triton, "decoder", "latent", mean, binary=binary)
    posteriors = post(
        client, "/encode", "images", [grey_png(image.tolist()) for image in grey[:, 0]]
    )
    images = post(client, "/decode", "latents", mean.tolist())

    assert mean.shape == log_variance.shape == (1000, 32)
    assert pixels.shape == (1000, 1, 28, 28)
    assert np.abs(mean - values_of(posteriors, "mean")).max() <= 1e-6
    assert np.abs(log_variance - values_of(posteriors, "log_variance")).max() <= 1e-6
    theirs = np.stack([pixels_of(str(image)) for image in images])
    assert np.abs(pixels[:, 0] * 255 - theirs).max() <= 1


def values_of(posteriors: list[object], name: str) -> NDArray[np.float64]:
    """One field of /encode's answers."""
    return np.array(
        [posterior[name] for posterior in posteriors if isinstance(posterior, dict)]
    )


def test_bytes_and_json_are_the_same_numbers(
    triton: InferenceServerClient, random: np.random.Generator
) -> None:
    """Bit by bit, between the grey levels too."""
    values = random.random((20, 1, 28, 28), dtype=np.float32)
    binary, text = (
        infer(triton, "encoder", "pixels", values, binary=binary)
        for binary in (True, False)
    )

    assert np.array_equal(binary, text)


def test_tritons_client_reads_what_the_service_tells(
    triton: InferenceServerClient,
) -> None:
    """Probes and metadata, with and without the version."""
    assert triton.is_server_live()
    assert triton.is_server_ready()
    extensions = triton.get_server_metadata()["extensions"]
    assert extensions == ["binary_tensor_data", "model_configuration", "statistics"]
    for model, outputs in OUTPUTS.items():
        metadata = triton.get_model_metadata(model)
        assert triton.is_model_ready(model)
        assert triton.is_model_ready(model, "1")
        assert triton.get_model_metadata(model, "1") == metadata
        assert [output["name"] for output in metadata["outputs"]] == outputs
    assert triton.get_model_metadata("encoder")["inputs"][0]["shape"] == [-1, 1, 28, 28]
    assert not triton.is_model_ready("sampler")


def test_tritons_client_reads_configuration_index_and_statistics(
    triton: InferenceServerClient,
) -> None:
    """Each in the form of its extension, with and without the version."""
    latent = np.zeros((3, 32), np.float32)
    before = triton.get_inference_statistics("decoder", "1")["model_stats"][0]
    triton.infer("decoder", [tensor("latent", latent)])
    after = triton.get_inference_statistics("decoder")["model_stats"][0]
    config = triton.get_model_config("decoder")

    assert after["inference_count"] == before["inference_count"] + 3
    assert triton.get_model_config("decoder", "1") == config
    assert config["max_batch_size"] == 256
    assert [output["dims"] for output in config["output"]] == [[1, 28, 28]]
    names = [
        model["name"] for model in triton.get_inference_statistics()["model_stats"]
    ]
    index = triton.get_model_repository_index()
    assert [model["name"] for model in index] == names == ["encoder", "decoder"]
    assert {model["state"] for model in index} == {"READY"}


def test_tritons_client_need_not_name_outputs(triton: InferenceServerClient) -> None:
    """It then asks for all, as bytes; here with the version, and an id."""
    latent = np.zeros((3, 32), np.float32)
    result = triton.infer(
        "decoder", [tensor("latent", latent)], model_version="1", request_id="mine"
    )

    assert result.get_response()["id"] == "mine"
    assert result.as_numpy("pixels").shape == (3, 1, 28, 28)


@pytest.mark.parametrize(
    ("model", "values", "message"),
    [
        (
            "decoder",
            np.full((1, 32), np.nan, np.float32),
            "must have numbers from -100 to 100 (VAE_MAX_LATENT); has nan",
        ),
        (
            "decoder",
            np.zeros((1, 31), np.float32),
            "must be [1 to 256 (VAE_MAX_ITEMS), 32]; is [1, 31]",
        ),
        ("decoder", np.zeros((257, 32), np.float32), "is [257, 32]"),
        (
            "decoder",
            np.zeros((20_000, 32), np.float32),
            "the limit is 2097152 (VAE_MAX_BODY_BYTES)",
        ),
        ("encoder", np.zeros((1, 32), np.float32), "must be pixels; is latent"),
        ("sampler", np.zeros((1, 32), np.float32), "Not Found"),
    ],
)
def test_tritons_client_reads_refusals(
    triton: InferenceServerClient, model: str, values: Floats, message: str
) -> None:
    """Its error says what the service says."""
    with pytest.raises(InferenceServerException) as error:
        triton.infer(model, [tensor("latent", values)])

    assert message in error.value.message()
    assert "exception occurred in the client" not in error.value.message()


def test_json_without_a_client(client: httpx.Client) -> None:
    """A request that one can write by hand: what is encoded and decoded again is near."""
    digit = np.asarray(pixels_of(client.get("/model").json()["examples"][0])) / 255
    image = {
        "name": "pixels",
        "shape": [1, 1, 28, 28],
        "datatype": "FP32",
        "data": digit[np.newaxis, np.newaxis].tolist(),
    }
    encoded = client.post(
        "/v2/models/encoder/infer",
        json={"inputs": [image], "outputs": [{"name": "mean"}]},
    ).json()
    (mean,) = encoded["outputs"]
    latent = {
        "name": "latent",
        "shape": mean["shape"],
        "datatype": mean["datatype"],
        "data": mean["data"],
    }
    (pixels,) = client.post(
        "/v2/models/decoder/infer", json={"inputs": [latent]}
    ).json()["outputs"]

    assert pixels["shape"] == [1, 1, 28, 28]
    assert np.mean((np.reshape(pixels["data"], (28, 28)) - digit) ** 2) < 0.02
