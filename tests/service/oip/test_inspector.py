"""The model inspector, with the fake model whose maps are the images."""

from dataclasses import replace

import numpy as np
import pytest

from service.app import create_app
from service.oip.schemas import InferRequest
from service.oip.specs import model_spec
from service.oip.tensor_request import TensorRequest
from service.operations.cost import ImageCost
from service.settings import Settings
from tests.samples import FakeAutoencoder, grey_png
from tests.service.conftest import Client
from tests.service.oip.protocol import (
    DECODER,
    ENCODER,
    VERSION,
    check_problem,
    infer,
    latents,
    pixels,
    tensors_of,
)
from tests.service.operations.conftest import LIMITS

INSPECTOR = "/v2/models/inspector"
LEVELS = [[0, 51, 102], [153, 204, 230]]
NUMBERS = ("score", "percentile", "anomalous")


def test_the_numbers_are_those_of_the_operation(client: Client) -> None:
    """By the false-alarm rate in the card; anomalous is 1 or 0."""
    data = np.concatenate([np.ravel(LEVELS), np.zeros(6)]) / 255
    body = pixels(2, data=data.tolist())
    images = [grey_png(LEVELS), grey_png([[0] * 3] * 2)]
    tensors = tensors_of(client.post(f"{INSPECTOR}/infer", body))
    inspections = client.operate("/inspect", images=images)["inspections"]

    assert list(tensors) == [*NUMBERS, "map"]
    for name in NUMBERS:
        expected = [float(inspection[name]) for inspection in inspections]
        assert tensors[name].shape == (2, 1)
        assert tensors[name][:, 0] == pytest.approx(expected, rel=1e-6)
    assert tensors["anomalous"].ravel().tolist() == [1, 0]
    assert tensors["map"].ravel() == pytest.approx(data, rel=1e-6)


def test_an_output_may_be_named(client: Client) -> None:
    """A detector needs no map."""
    body = pixels() | {"outputs": [{"name": "anomalous"}]}
    (output,) = infer(client, INSPECTOR, body)["outputs"]

    assert output == {
        "name": "anomalous",
        "datatype": "FP32",
        "shape": [1, 1],
        "data": [1.0],
    }


@pytest.mark.parametrize("version", ["", VERSION])
def test_metadata_and_configuration_have_the_shapes(
    client: Client, version: str
) -> None:
    """Sizes are the card's."""
    metadata = client.get(INSPECTOR + version).json()
    config = client.get(f"{INSPECTOR}{version}/config").json()
    shapes = {name: [1] for name in NUMBERS} | {"map": [2, 3]}

    assert {output["name"]: output["shape"] for output in metadata["outputs"]} == {
        name: [-1, *shape] for name, shape in shapes.items()
    }
    assert {output["name"]: output["dims"] for output in config["output"]} == shapes
    assert metadata["inputs"] == client.get(ENCODER).json()["inputs"]
    assert client.get(f"{INSPECTOR}{version}/ready").json()["ready"] is True


@pytest.mark.parametrize(
    ("name", "body", "binary", "cost"),
    [
        ("encoder", pixels(2), False, 20),
        ("inspector", pixels(2), False, 2_002_220),
        ("inspector", pixels(2), True, 2220),
        ("decoder", latents(2), False, 2_000_200),
        ("decoder", latents(2), True, 200),
    ],
)
def test_each_model_has_its_own_cost(
    name: str, body: dict[str, object], *, binary: bool, cost: float
) -> None:
    """The map's numbers take time to write as JSON."""
    image = ImageCost(
        read=1,
        encode=10,
        decode=100,
        write=0,
        animate=0,
        gif=0,
        numbers=1_000_000,
        inspect=1000,
    )
    fields = body | {"parameters": {"binary_data_output": binary}}
    spec = model_spec(name, LIMITS, prefix="")
    validated = InferRequest.model_validate(fields, context=spec)
    request = TensorRequest.of(validated, spec)

    assert request.cost(image) == cost


def test_percentiles_are_counted(client: Client) -> None:
    """As those of the operation."""
    infer(client, INSPECTOR, pixels(2))

    assert (
        'vae_inspection_percentile_count{model="fake"} 2.0'
        in client.get("/metrics").text
    )


def test_a_model_without_an_inspector_has_two_models(
    settings: Settings, autoencoder: FakeAutoencoder
) -> None:
    """All paths of the third are missing, also in the schema."""
    client = Client(create_app(settings, replace(autoencoder, calibration=None)))
    routes = ("", "/config", "/stats", "/ready")
    paths = [version + path for version in ("", VERSION) for path in routes]
    missing = [client.get(INSPECTOR + path) for path in paths]
    missing.append(client.post(f"{INSPECTOR}/infer", pixels()))
    index = client.request("POST", "/v2/repository/index").json()
    stats = client.get("/v2/models/stats").json()["model_stats"]

    for response in missing:
        check_problem(response, 404, "not-found", "the model has no inspector")
    assert [model["name"] for model in index] == ["encoder", "decoder"]
    assert [model["name"] for model in stats] == ["encoder", "decoder"]
    assert client.get(DECODER).status_code == 200
    described = client.get("/openapi.json").json()["paths"]
    assert not [path for path in described if "inspect" in path]
