"""What is opened is what was exported, or the message names the file that is not."""

from pathlib import Path
from shutil import copytree

import pytest

from training.artifact.exported_model import ExportedModel, ModelError


@pytest.mark.parametrize("name", ["encoder.onnx", "decoder.onnx"])
@pytest.mark.parametrize("content", [b"", b"no graph"])
def test_another_graph_than_the_cards_is_refused(
    exported: Path, tmp_path: Path, name: str, content: bytes
) -> None:
    """As an export that was cut short leaves one."""
    folder = copytree(exported, tmp_path / "model")
    (folder / name).write_bytes(content)
    with pytest.raises(ModelError, match=f"{name} is not the file that the card names"):
        ExportedModel(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "has format version None, not 1"),
        ("{", "is not a readable model card"),
        (
            '{"format_version": 1, "latent_size": 2, "training": {}}',
            "lacks objective, data, quality, graphs$",
        ),
    ],
)
def test_what_is_no_card_is_refused(tmp_path: Path, content: str, message: str) -> None:
    """By name."""
    (tmp_path / "model.json").write_text(content)
    with pytest.raises(ModelError, match=rf"model\.json {message}"):
        ExportedModel(tmp_path)
