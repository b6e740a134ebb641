"""Configuration of the models, as Triton's clients read it."""

import pytest

from tests.service.conftest import Client
from tests.service.oip.protocol import DECODER, ENCODER, VERSION


@pytest.mark.parametrize("version", ["", VERSION])
def test_a_configuration_has_the_shapes_of_one_item(
    client: Client, version: str
) -> None:
    """The largest batch is the setting's."""
    encoder = client.get(f"{ENCODER}{version}/config").json()
    decoder = client.get(f"{DECODER}{version}/config").json()

    image = {"name": "pixels", "data_type": "TYPE_FP32", "dims": [1, 2, 3]}
    assert encoder == {
        "name": "encoder",
        "platform": "onnxruntime_onnx",
        "backend": "onnxruntime",
        "max_batch_size": 12,
        "input": [image],
        "output": [
            {"name": "mean", "data_type": "TYPE_FP32", "dims": [6]},
            {"name": "log_variance", "data_type": "TYPE_FP32", "dims": [6]},
        ],
        "dynamic_batching": {},
    }
    assert decoder["output"] == [image]
