"""The Open Inference Protocol, used by Triton's own client and with plain JSON."""

from collections.abc import Iterator

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from tritonclient.http import (
    InferenceServerClient,
    InferInput,
    InferRequestedOutput,
)
from tritonclient.utils import InferenceServerException

from service.model.autoencoder import Floats
from tests.end_to_end.server import Server, serve
from tests.samples import grey_png, pixels_of
from training.data.images import LabelledImages

BATCH = 200
OUTPUTS = {
    "encoder": ["mean", "log_variance"],
    "decoder": ["pixels"],
    "inspector": ["score", "percentile", "anomalous", "map"],
}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Running server."""
    with serve() as server:
        yield server


@pytest.fixture(scope="module")
def triton(server: Server) -> Iterator[InferenceServerClient]:
    """Triton's client, connected to the server."""
    with InferenceServerClient(server.url.removeprefix("http://")) as client:
        yield client


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[httpx.Client]:
    """HTTP client of the server."""
    with server.client() as client:
        yield client


def tensor(name: str, values: Floats, *, binary: bool = True) -> InferInput:
    """Return an input of a request."""
    empty = InferInput(name, list(values.shape), "FP32")
    return empty.set_data_from_numpy(values, binary_data=binary)


def infer(
    triton: InferenceServerClient,
    model: str,
    name: str,
    values: Floats,
    *,
    binary: bool,
) -> list[Floats]:
    """Send values in batches, as bytes or in JSON, and return all outputs."""
    names = OUTPUTS[model]
    outputs = [InferRequestedOutput(output, binary_data=binary) for output in names]
    results = []
    for start in range(0, len(values), BATCH):
        batch = tensor(name, values[start : start + BATCH], binary=binary)
        results.append(triton.infer(model, [batch], outputs=outputs))
    return [
        np.concatenate([result.as_numpy(output) for result in results])
        for output in names
    ]


def post(
    client: httpx.Client, path: str, field: str, items: list[object]
) -> list[object]:
    """Send items to one of the service's operations in batches; return all results."""
    results: list[object] = []
    for start in range(0, len(items), BATCH):
        body = {field: items[start : start + BATCH]}
        response = client.post(path, json=body)
        assert response.status_code == 200, response.text
        (found,) = response.json().values()
        results += found
    return results


def values_of(posteriors: list[object], name: str) -> NDArray[np.float64]:
    """Return one field of posteriors, (batch, latent)."""
    return np.array(
        [posterior[name] for posterior in posteriors if isinstance(posterior, dict)]
    )


@pytest.mark.parametrize("binary", [True, False], ids=["bytes", "JSON"])
def test_the_results_for_1000_digits_are_those_of_the_operations(
    triton: InferenceServerClient,
    client: httpx.Client,
    test_digits: LabelledImages,
    binary: bool,  # noqa: FBT001 - a case
) -> None:
    """Posteriors agree with /encode to 1e-6, pixels with /decode to one grey level."""
    grey = np.asarray(test_digits.images)
    unit = grey.astype(np.float32) / np.float32(255)
    mean, log_variance = infer(triton, "encoder", "pixels", unit, binary=binary)
    (pixels,) = infer(triton, "decoder", "latent", mean, binary=binary)
    pngs: list[object] = [grey_png(image.tolist()) for image in grey[:, 0]]
    posteriors = post(client, "/encode", "images", pngs)
    images = post(client, "/decode", "latents", mean.tolist())

    expected_mean = values_of(posteriors, "mean")
    expected_log_variance = values_of(posteriors, "log_variance")
    expected_levels = np.stack([pixels_of(str(image)) for image in images])
    assert mean.shape == log_variance.shape == (1000, 32)
    assert pixels.shape == (1000, 1, 28, 28)
    assert np.abs(mean - expected_mean).max() <= 1e-6
    assert np.abs(log_variance - expected_log_variance).max() <= 1e-6
    assert np.abs(pixels[:, 0] * 255 - expected_levels).max() <= 1


@pytest.mark.parametrize("binary", [True, False], ids=["bytes", "JSON"])
def test_tritons_client_inspects(
    triton: InferenceServerClient,
    client: httpx.Client,
    test_digits: LabelledImages,
    binary: bool,  # noqa: FBT001 - a case
) -> None:
    """Scores and verdicts of digits and of noise are those of /inspect."""
    grey = test_digits.images[:100].numpy().copy()
    grey[50:] = np.random.default_rng(0).integers(0, 256, grey[50:].shape)
    unit = grey.astype(np.float32) / np.float32(255)
    score, percentile, anomalous, maps = infer(
        triton, "inspector", "pixels", unit, binary=binary
    )
    pngs = [grey_png(image.tolist()) for image in grey[:, 0]]
    body = {"images": pngs, "fit": "none", "maps": False}
    inspections = client.post("/inspect", json=body).json()["inspections"]

    expected = np.array([inspection["anomalous"] for inspection in inspections])
    assert score[:, 0] == pytest.approx(
        [inspection["score"] for inspection in inspections], rel=1e-4
    )
    assert percentile.shape == (100, 1)
    assert np.array_equal(anomalous[:, 0] == 1, expected)
    assert expected[50:].all()
    assert expected[:50].sum() <= 5
    assert maps.shape == (100, 28, 28)


def test_bytes_and_json_have_the_same_numbers(
    triton: InferenceServerClient, random: np.random.Generator
) -> None:
    """They are bit-identical, also for pixels between two grey levels."""
    values = random.random((20, 1, 28, 28), dtype=np.float32)
    from_bytes = infer(triton, "encoder", "pixels", values, binary=True)
    from_json = infer(triton, "encoder", "pixels", values, binary=False)

    assert np.array_equal(from_bytes, from_json)


def test_tritons_client_reads_probes_and_metadata(
    triton: InferenceServerClient,
) -> None:
    """The version may be named or not."""
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
    (pixels,) = triton.get_model_metadata("encoder")["inputs"]
    assert pixels["shape"] == [-1, 1, 28, 28]
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
    assert [model["name"] for model in index] == names == list(OUTPUTS)
    assert {model["state"] for model in index} == {"READY"}


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_tritons_client_may_compress_requests(
    triton: InferenceServerClient, algorithm: str
) -> None:
    """The length of the JSON is that of the body when it is unpacked."""
    latent = tensor("latent", np.zeros((3, 32), np.float32))
    plain = triton.infer("decoder", [latent])
    packed = triton.infer("decoder", [latent], request_compression_algorithm=algorithm)

    assert np.array_equal(packed.as_numpy("pixels"), plain.as_numpy("pixels"))


def test_tritons_client_need_not_name_outputs(triton: InferenceServerClient) -> None:
    """By default it requests all of them as bytes. The id is returned."""
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
            np.zeros((100_000, 32), np.float32),
            "the limit is 12582912 (VAE_MAX_BODY_BYTES)",
        ),
        ("encoder", np.zeros((1, 32), np.float32), "must be pixels; is latent"),
        ("sampler", np.zeros((1, 32), np.float32), "Not Found"),
    ],
)
def test_tritons_client_reads_the_messages_of_rejections(
    triton: InferenceServerClient, model: str, values: Floats, message: str
) -> None:
    """Its exception has the service's message."""
    with pytest.raises(InferenceServerException) as error:
        triton.infer(model, [tensor("latent", values)])

    assert message in error.value.message()
    assert "exception occurred in the client" not in error.value.message()


def test_json_needs_no_special_client(client: httpx.Client) -> None:
    """A digit is encoded and decoded by two simple requests."""
    example = client.get("/model").json()["examples"][0]
    digit = pixels_of(example) / 255
    image = {
        "name": "pixels",
        "shape": [1, 1, 28, 28],
        "datatype": "FP32",
        "data": digit[np.newaxis, np.newaxis].tolist(),
    }
    request = {"inputs": [image], "outputs": [{"name": "mean"}]}
    encoded = client.post("/v2/models/encoder/infer", json=request).json()
    (mean,) = encoded["outputs"]
    latent = {
        "name": "latent",
        "shape": mean["shape"],
        "datatype": mean["datatype"],
        "data": mean["data"],
    }
    decoded = client.post("/v2/models/decoder/infer", json={"inputs": [latent]}).json()
    (pixels,) = decoded["outputs"]

    differences = np.reshape(pixels["data"], (28, 28)) - digit
    assert pixels["shape"] == [1, 1, 28, 28]
    assert np.square(differences).mean() < 0.02
