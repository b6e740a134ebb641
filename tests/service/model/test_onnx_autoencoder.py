"""A model folder is opened only when it is complete and fits its card."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.model.autoencoder import check_inference
from service.model.errors import InferenceError, ModelLoadError
from service.model.onnx_autoencoder import OnnxAutoencoder
from tests.samples import MODEL, FakeAutoencoder


@pytest.fixture(scope="module")
def model() -> OnnxAutoencoder:
    """The model in the repository."""
    return OnnxAutoencoder.load(MODEL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the model, to be damaged."""
    return shutil.copytree(MODEL, tmp_path / "mnist")


def edit_card(folder: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Change the card in a folder."""
    path = folder / "model.json"
    card = json.loads(path.read_text())
    edit(card)
    path.write_text(json.dumps(card))


def test_a_batch_equals_one_by_one(model: OnnxAutoencoder, random: np.random.Generator) -> None:
    """What an image is encoded and decoded to does not depend on its company."""
    pixels = random.integers(0, 256, size=(5, 28, 28), dtype=np.uint8)
    batch = model.encode(pixels)
    single = [model.encode(pixels[i : i + 1]) for i in range(5)]

    assert np.allclose(batch.mean, np.concatenate([posterior.mean for posterior in single]), atol=1e-5)
    assert np.allclose(batch.log_variance, np.concatenate([p.log_variance for p in single]), atol=1e-5)
    decoded = np.concatenate([model.decode(posterior.mean) for posterior in single])
    assert np.allclose(model.decode(batch.mean), decoded, atol=1e-5)


def test_a_latent_of_the_wrong_length_is_an_inference_error(model: OnnxAutoencoder) -> None:
    """ONNX Runtime's own errors do not leave the room."""
    with pytest.raises(InferenceError, match="ONNX Runtime"):
        model.decode(np.zeros((1, 3), dtype=np.float32))


def truncate(path: Path) -> None:
    """Cut a file in half."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def swap(folder: Path) -> None:
    """Give each graph the other's name."""
    (folder / "encoder.onnx").rename(folder / "other")
    (folder / "decoder.onnx").rename(folder / "encoder.onnx")
    (folder / "other").rename(folder / "decoder.onnx")


def swap_with_hashes(folder: Path) -> None:
    """Give each graph the other's entry in the card."""

    def edit(card: dict[str, Any]) -> None:
        graphs = card["graphs"]
        graphs["encoder"], graphs["decoder"] = graphs["decoder"], graphs["encoder"]

    edit_card(folder, edit)


def replace_with_foreign_file(folder: Path) -> None:
    """Put a file that is no ONNX where the encoder is, and its hash into the card."""
    (folder / "encoder.onnx").write_bytes(b"no graph")
    digest = "3dedef457e43526d4d19c81bef4756864daf4602ab8df76e4e7e71caf0137661"
    edit_card(folder, lambda card: card["graphs"]["encoder"].update(sha256=digest))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "model.json").unlink(), r"model\.json cannot be read: No such file"),
        (lambda folder: (folder / "model.json").write_text("{"), r"model\.json is not a model card"),
        (lambda folder: edit_card(folder, lambda card: card.update(format_version=2)), "format_version"),
        (lambda folder: edit_card(folder, lambda card: card.pop("graphs")), "graphs: Field required"),
        (
            lambda folder: edit_card(folder, lambda card: card["graphs"]["encoder"].update(file="../x.onnx")),
            r"graphs\.encoder\.file",
        ),
        (lambda folder: (folder / "encoder.onnx").unlink(), r"encoder\.onnx cannot be read: No such file"),
        (lambda folder: truncate(folder / "decoder.onnx"), r"decoder\.onnx is not the file that its card names"),
        (swap, r"encoder\.onnx is not the file that its card names"),
        (swap_with_hashes, r"decoder\.onnx has the inputs and outputs"),
        (replace_with_foreign_file, r"encoder\.onnx is not a graph that ONNX Runtime can run"),
        (lambda folder: edit_card(folder, lambda card: card.update(latent_size=31)), "has the inputs and outputs"),
        (
            lambda folder: edit_card(folder, lambda card: card.update(image_shape=[1, 14, 56])),
            "has the inputs and outputs",
        ),
    ],
)
def test_a_bad_folder_is_refused_in_one_line(folder: Path, damage: Callable[[Path], object], message: str) -> None:
    """Missing, damaged, swapped or foreign: the message names the file."""
    damage(folder)
    with pytest.raises(ModelLoadError, match=message) as refusal:
        OnnxAutoencoder.load(folder)

    assert "\n" not in str(refusal.value)


def test_a_model_that_gives_no_numbers_is_refused(autoencoder: FakeAutoencoder) -> None:
    """The test inference looks at what comes out."""
    autoencoder.decode = lambda latents: np.full((1, 2, 3), np.nan, np.float32)  # type: ignore[method-assign]  # noqa: ARG005

    with pytest.raises(InferenceError, match="pixels"):
        check_inference(autoencoder)
