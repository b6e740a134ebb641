"""What is exported agrees with PyTorch, is whole or not there, and says what it is."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from service.model.card import ModelCard
from service.model.onnx_autoencoder import OnnxAutoencoder
from tests.samples import pixels_of
from training.artifact import export as exporting
from training.artifact.exported_model import ExportedModel, ModelError
from training.artifact.model_card import END, START, measures
from training.data.digits import Digits
from training.data.mnist import DataSource
from training.fitting.checkpoint import trained_model

FILES = ("encoder.onnx", "decoder.onnx", "statistics.npz")


@pytest.fixture
def card(exported: Path) -> dict[str, Any]:
    """The exported model's card."""
    content: dict[str, Any] = json.loads((exported / "model.json").read_text())
    return content


@pytest.mark.parametrize("batch_size", [1, 2, 7, 64, 1000])
def test_the_graphs_agree_with_pytorch(
    exported: Path, checkpoint: Path, test_digits: Digits, batch_size: int
) -> None:
    """Within 1e-5, whatever the size of the batch."""
    model, _ = trained_model(checkpoint)
    pixels = test_digits.pixels()[:batch_size]
    with torch.inference_mode():
        mean, log_variance = model.encoder(pixels)
        decoded = model.decoder(mean)
    graphs = ExportedModel(exported)
    ours = (*graphs.encode(pixels.numpy()), graphs.decode(mean.numpy()))

    for theirs, values in zip((mean, log_variance, decoded), ours, strict=True):
        assert values == pytest.approx(theirs.numpy(), abs=1e-5)


def test_the_service_reads_what_training_writes(exported: Path) -> None:
    """The card is the contract: the service's schema takes it, and names nothing that it lacks."""
    card = OnnxAutoencoder.load(exported).card

    assert (card.image_shape, card.latent_size, card.parameters) == (
        (1, 28, 28),
        32,
        427_344,
    )
    assert set(card.model_dump()) == set(ModelCard.model_fields) | {"statistics"}


def test_the_card_tells_how_the_model_came_to_be(
    card: dict[str, Any], source: DataSource
) -> None:
    """Objective, hyperparameters, seed and data."""
    assert card["objective"] == {"name": "squared-error", "c": 16.0}
    assert card["training"] == {
        "binarize": False,
        "epochs": 3,
        "optimizer": "adam",
        "batch_size": 64,
        "learning_rate": 1e-3,
        "schedule": "cosine",
        "averaging": 0.5,
        "mean_pixel_bias": False,
        "center_pixels": False,
        "hidden_size": 256,
        "latent_size": 32,
        "seed": 0,
    }
    assert card["data"] == {
        "name": "sample",
        "training_images": 512,
        "sha256": source.files,
    }
    assert card["quality"] is None


def test_the_cards_hashes_are_the_files(exported: Path, card: dict[str, Any]) -> None:
    """And nothing else is left in the folder."""
    for entry in [*card["graphs"].values(), card["statistics"]]:
        assert (
            hashlib.sha256((exported / entry["file"]).read_bytes()).hexdigest()
            == entry["sha256"]
        )
    assert {path.name for path in exported.iterdir()} == {*FILES, "model.json"}


def test_the_cards_examples_are_test_digits(
    card: dict[str, Any], test_digits: Digits
) -> None:
    """The documentation page shows real ones."""
    for text, image in zip(card["examples"], test_digits.images[:2, 0], strict=True):
        assert np.array_equal(pixels_of(text), image.numpy())


@pytest.mark.parametrize("name", ["encoder.onnx", "decoder.onnx"])
def test_a_graph_holds_no_path_of_the_machine_that_made_it(
    exported: Path, name: str
) -> None:
    """The exporter's stack traces are dropped, and the graph is a valid one all the same."""
    graph = onnx.load(exported / name)
    onnx.checker.check_model(graph, full_check=True)

    assert b"site-packages" not in graph.SerializeToString()
    assert b".py" not in graph.SerializeToString()


def test_the_same_checkpoint_gives_the_same_files(
    checkpoint: Path,
    exported: Path,
    source: DataSource,
    train_digits: Digits,
    test_digits: Digits,
    tmp_path: Path,
) -> None:
    """Byte for byte."""
    exporting.export(checkpoint, tmp_path / "small", source, train_digits, test_digits)

    for name in (*FILES, "model.json"):
        assert (tmp_path / "small" / name).read_bytes() == (
            exported / name
        ).read_bytes()


def test_an_export_takes_the_measures_of_the_model_before_out_of_the_readme(
    checkpoint: Path,
    source: DataSource,
    train_digits: Digits,
    test_digits: Digits,
    tmp_path: Path,
) -> None:
    """They are not this one's; what stands around them stays."""
    readme = tmp_path / "README.md"
    readme.write_text(f"Before.\n{START}\n| of another | 1 |\n\n{END}After.\n")
    exporting.export(checkpoint, tmp_path, source, train_digits, test_digits)

    assert (
        readme.read_text()
        == f"Before.\n{START}\n{measures({'quality': None})}\n{END}After.\n"
    )


def test_graphs_that_differ_from_pytorch_are_not_written(
    checkpoint: Path,
    source: DataSource,
    train_digits: Digits,
    test_digits: Digits,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A tolerance that nothing meets: the message names the difference, the folder stays empty."""
    monkeypatch.setattr(exporting, "PARITY_TOLERANCE", 0.0)
    with pytest.raises(ModelError, match="differ from PyTorch by"):
        exporting.export(
            checkpoint, tmp_path / "small", source, train_digits, test_digits
        )

    assert list(tmp_path.iterdir()) == []


def test_a_wrong_graph_is_found(checkpoint: Path, test_digits: Digits) -> None:
    """The parity check sees a single changed weight."""
    model, _ = trained_model(checkpoint)
    encoder, decoder = exporting.encoder_graph(model), exporting.decoder_graph(model)
    pixels = test_digits.pixels()[:10]
    assert exporting.largest_difference(model, encoder, decoder, pixels) < 1e-5

    with torch.no_grad():
        model.decoder.output.bias[0] += 0.1
    assert exporting.largest_difference(model, encoder, decoder, pixels) > 1e-3
