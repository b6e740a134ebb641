"""An exported model opens only with the files that its card names."""

from pathlib import Path
from shutil import copytree

import pytest

from training.artifact.exported_model import ExportedModel
from training.artifact.model_card import ModelError


@pytest.mark.parametrize("name", ["encoder.onnx", "decoder.onnx"])
@pytest.mark.parametrize("content", [b"", b"no graph"])
def test_a_graph_with_another_hash_is_refused(
    exported: Path, tmp_path: Path, name: str, content: bytes
) -> None:
    """An interrupted export leaves such a graph; the message names the file."""
    folder = copytree(exported, tmp_path / "model")
    (folder / name).write_bytes(content)
    with pytest.raises(ModelError, match=f"{name} is not the file that the card names"):
        ExportedModel(folder)
