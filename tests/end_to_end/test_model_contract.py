"""The model in the repository agrees with its card and has the promised quality."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import onnx
import pytest

from service.model.onnx_autoencoder import OnnxAutoencoder
from tests.samples import MODEL
from training.artifact.exported_model import ExportedModel
from training.data.images import LabelledImages
from training.data.mnist import DataSource
from training.evaluation.autoencoder_quality import autoencoder_quality


@pytest.fixture(scope="module")
def card() -> dict[str, Any]:
    """The content of the card's file."""
    content: dict[str, Any] = json.loads((MODEL / "model.json").read_text())
    return content


def test_the_service_loads_the_model() -> None:
    """With its checks of hashes, names, shapes and a test inference."""
    assert OnnxAutoencoder.load(MODEL).card.name == "mnist"


def tensors(graph: onnx.GraphProto) -> dict[str, tuple[int, list[int | str]]]:
    """Type and shape of each input and output; an axis of any length has a name."""
    return {
        value.name: (
            value.type.tensor_type.elem_type,
            [
                axis.dim_param or axis.dim_value
                for axis in value.type.tensor_type.shape.dim
            ],
        )
        for value in [*graph.input, *graph.output]
    }


def test_the_graphs_are_the_contracts() -> None:
    """Names, types, shapes, a dynamic batch axis, no random operator, one file each."""
    encoder = onnx.load(MODEL / "encoder.onnx", load_external_data=False).graph
    decoder = onnx.load(MODEL / "decoder.onnx", load_external_data=False).graph
    image: list[int | str] = ["batch", 1, 28, 28]
    latent: list[int | str] = ["batch", 32]

    assert tensors(encoder) == {
        "pixels": (onnx.TensorProto.FLOAT, image),
        "mean": (onnx.TensorProto.FLOAT, latent),
        "log_variance": (onnx.TensorProto.FLOAT, latent),
    }
    assert tensors(decoder) == {
        "latent": (onnx.TensorProto.FLOAT, latent),
        "pixels": (onnx.TensorProto.FLOAT, image),
    }
    kinds = {node.op_type for graph in (encoder, decoder) for node in graph.node}
    assert kinds == {"Gemm", "Relu", "Reshape", "Sigmoid"}
    weights = [*encoder.initializer, *decoder.initializer]
    assert not any(tensor.external_data for tensor in weights)


def test_the_card_has_the_shipped_recipe(card: dict[str, Any]) -> None:
    """The reference's objective on all of MNIST."""
    assert card["objective"] == {"name": "squared-error", "c": 16.0}
    assert card["data"] == {
        "name": "MNIST",
        "source": DataSource().origin,
        "images": {"train": 60_000, "calibration": 5_000, "test": 5_000},
        "sha256": dict(DataSource().files),
        "licence": None,
        "skipped": [],
    }
    assert card["image"] == {"channels": 1, "height": 28, "width": 28, "color": "grey"}
    assert (card["latent_size"], card["parameters"]) == (32, 427_344)


def test_the_measured_quality_is_as_promised(card: dict[str, Any]) -> None:
    """At most 0.0047 squared error per pixel at no more than 58 nats, on all test digits."""
    assert card["quality"]["test_images"] == 10_000
    assert card["quality"]["squared_error_per_pixel"] <= 0.0047
    assert card["quality"]["kl_divergence"] <= 58


def test_the_first_thousand_digits_agree_with_the_card(
    card: dict[str, Any], test_digits: LabelledImages
) -> None:
    """Measured on a tenth of the test set, the quality is within 10 % of the card's."""
    quality = autoencoder_quality(ExportedModel(MODEL), test_digits)

    assert quality.squared_error_per_pixel == pytest.approx(
        card["quality"]["squared_error_per_pixel"], rel=0.1
    )
    assert quality.kl_divergence == pytest.approx(
        card["quality"]["kl_divergence"], rel=0.1
    )
    assert quality.active_units == card["quality"]["active_units"]


def test_the_whole_test_set_reproduces_the_cards_quality(
    card: dict[str, Any], mnist_folder: Path
) -> None:
    """Within a relative difference of 1e-4."""
    digits = DataSource().load("t10k", mnist_folder)
    quality = asdict(autoencoder_quality(ExportedModel(MODEL), digits))

    assert quality == pytest.approx(
        {name: card["quality"][name] for name in quality}, rel=1e-4
    )
