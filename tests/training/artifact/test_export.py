"""An export agrees with PyTorch, is complete or absent, and describes itself."""

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
from training.artifact.exported_model import ExportedModel
from training.artifact.model_card import ModelError
from training.artifact.readme import END, NOT_MEASURED, START
from training.data.data_set import DataSet
from training.data.images import LabelledImages
from training.data.mnist import DataSource
from training.fitting.checkpoint import trained_model

FILES = ("encoder.onnx", "decoder.onnx", "inspector.onnx", "statistics.npz")


@pytest.fixture
def card(exported: Path) -> dict[str, Any]:
    """The exported model's card."""
    content: dict[str, Any] = json.loads((exported / "model.json").read_text())
    return content


@pytest.mark.parametrize("batch_size", [1, 2, 7, 64, 1000])
def test_the_graphs_agree_with_pytorch(
    exported: Path, checkpoint: Path, test_digits: LabelledImages, batch_size: int
) -> None:
    """Every output differs by at most 1e-5, for every batch size."""
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
    """The service's schema accepts the card; every field of the schema is in it."""
    card = OnnxAutoencoder.load(exported).card

    assert (card.image_shape, card.latent_size, card.parameters) == (
        (1, 28, 28),
        32,
        427_344,
    )
    written = {"statistics", "inspection"}
    assert set(card.model_dump()) == set(ModelCard.model_fields) | written


def test_the_card_describes_the_training(
    card: dict[str, Any], source: DataSource
) -> None:
    """It holds objective, hyperparameters, seed and data."""
    assert card["objective"] == {"name": "squared-error", "c": 16.0}
    assert card["training"] == {
        "network": "mlp",
        "jitter": False,
        "flip": "none",
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
        "source": source.origin,
        "images": {"train": 512, "calibration": 500, "test": 500},
        "sha256": source.files,
        "licence": None,
        "skipped": [],
    }
    assert card["quality"] is None


def test_the_cards_hashes_are_the_files(exported: Path, card: dict[str, Any]) -> None:
    """The folder holds no other files."""
    for entry in [*card["graphs"].values(), card["statistics"]]:
        assert (
            hashlib.sha256((exported / entry["file"]).read_bytes()).hexdigest()
            == entry["sha256"]
        )
    assert {path.name for path in exported.iterdir()} == {*FILES, "model.json"}


def test_the_cards_examples_are_test_digits(
    card: dict[str, Any], test_digits: LabelledImages
) -> None:
    """They are the first two test digits, pixel by pixel."""
    for text, image in zip(card["examples"], test_digits.images[:2, 0], strict=True):
        assert np.array_equal(pixels_of(text), image.numpy())


@pytest.mark.parametrize("name", ["encoder.onnx", "decoder.onnx", "inspector.onnx"])
def test_a_graph_holds_no_path_of_the_exporting_machine(
    exported: Path, name: str
) -> None:
    """The graph is valid without the exporter's stack traces."""
    graph = onnx.load(exported / name)
    onnx.checker.check_model(graph, full_check=True)

    assert b"site-packages" not in graph.SerializeToString()
    assert b".py" not in graph.SerializeToString()


def test_the_same_checkpoint_gives_the_same_files(
    checkpoint: Path,
    exported: Path,
    digits: DataSet,
    tmp_path: Path,
) -> None:
    """Every file is equal byte for byte."""
    exporting.export(checkpoint, tmp_path / "small", digits)

    for name in (*FILES, "model.json"):
        assert (tmp_path / "small" / name).read_bytes() == (
            exported / name
        ).read_bytes()


def test_an_export_removes_an_earlier_models_measures_from_the_readme(
    checkpoint: Path,
    digits: DataSet,
    tmp_path: Path,
) -> None:
    """The text around the measures stays."""
    readme = tmp_path / "README.md"
    readme.write_text(f"Before.\n{START}\n| of another | 1 |\n\n{END}After.\n")
    exporting.export(checkpoint, tmp_path, digits)

    assert readme.read_text() == f"Before.\n{START}\n{NOT_MEASURED}\n{END}After.\n"


def test_graphs_that_differ_from_pytorch_are_not_written(
    checkpoint: Path,
    digits: DataSet,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With a tolerance of 0 the message names the difference; nothing is written."""
    monkeypatch.setattr(exporting, "PARITY_TOLERANCE", 0.0)
    with pytest.raises(ModelError, match="differ from PyTorch by"):
        exporting.export(checkpoint, tmp_path / "small", digits)

    assert list(tmp_path.iterdir()) == []
