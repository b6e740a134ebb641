"""Configuration of the models, as Triton's clients read it."""

import pytest

from tests.service.conftest import Client
from tests.service.oip.test_routes import PATHS


@pytest.mark.parametrize("path", PATHS)
def test_a_configuration_has_sizes_without_the_batch(client: Client, path: str) -> None:
    """The shapes are of one item; the largest batch is the setting's."""
    encoder = client.get(f"{path.format('encoder')}/config").json()
    decoder = client.get(f"{path.format('decoder')}/config").json()

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
