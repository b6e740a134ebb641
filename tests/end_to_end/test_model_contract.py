"""The model in the repository is what its card says, and as good."""

import json
import os
from dataclasses import asdict
from typing import Any

import onnx
import pytest

from service.model.onnx_autoencoder import OnnxAutoencoder
from tests.samples import MODEL
from training.artifact.exported_model import ExportedModel
from training.data.mnist import DataSource, Digits
from training.evaluation.autoencoder_quality import autoencoder_quality


@pytest.fixture(scope="module")
def card() -> dict[str, Any]:
    """The card as it stands in the file."""
    content: dict[str, Any] = json.loads((MODEL / "model.json").read_text())
    return content


def test_the_service_takes_the_model() -> None:
    """Hashes, names, shapes and a test inference."""
    assert OnnxAutoencoder.load(MODEL).card.name == "mnist"


def tensors(graph: onnx.GraphProto) -> dict[str, tuple[int, list[int | str]]]:
    """Type and shape of each input and output; a name for an axis of any length."""
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
    """Names, types, shapes, a dynamic batch axis, nothing random, one file each."""
    encoder, decoder = (
        onnx.load(MODEL / "encoder.onnx").graph,
        onnx.load(MODEL / "decoder.onnx").graph,
    )
    image, latent = ["batch", 1, 28, 28], ["batch", 32]

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


def test_the_card_is_of_the_shipped_recipe(card: dict[str, Any]) -> None:
    """The reference's objective on all of MNIST."""
    assert card["objective"] == {"name": "squared-error", "c": 16.0}
    assert card["data"] == {
        "name": "MNIST",
        "training_images": 60_000,
        "sha256": dict(DataSource().files),
    }
    assert (card["image_shape"], card["latent_size"], card["parameters"]) == (
        [1, 28, 28],
        32,
        427_344,
    )


def test_the_measured_quality_is_as_promised(card: dict[str, Any]) -> None:
    """At most 0.0047 squared error per pixel at no more than 58 nats, on all test digits."""
    assert card["quality"]["test_images"] == 10_000
    assert card["quality"]["squared_error_per_pixel"] <= 0.0047
    assert card["quality"]["kl_divergence"] <= 58


def test_the_first_thousand_digits_agree_with_the_card(
    card: dict[str, Any], test_digits: Digits
) -> None:
    """Measured anew on a tenth of the test set, the figures are near those of the whole."""
    quality = autoencoder_quality(ExportedModel(MODEL), test_digits)

    assert quality.squared_error_per_pixel == pytest.approx(
        card["quality"]["squared_error_per_pixel"], rel=0.1
    )
    assert quality.kl_divergence == pytest.approx(
        card["quality"]["kl_divergence"], rel=0.1
    )
    assert quality.active_units == card["quality"]["active_units"]


@pytest.mark.skipif(
    "MNIST_DIR" not in os.environ, reason="MNIST_DIR names no folder with all of MNIST"
)
def test_the_whole_test_set_gives_the_cards_figures(card: dict[str, Any]) -> None:
    """Measured anew, they come out the same."""
    test_digits = DataSource().load("t10k")
    quality = asdict(autoencoder_quality(ExportedModel(MODEL), test_digits))

    assert quality == pytest.approx(
        {name: card["quality"][name] for name in quality}, rel=1e-4
    )
