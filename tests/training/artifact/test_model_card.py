"""A card or file that is not the model's is refused by name."""

from pathlib import Path

import pytest

from training.artifact.exported_model import ExportedModel
from training.artifact.model_card import ModelError


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "has format version None, not 2"),
        ("{", "is not a readable model card"),
        (
            '{"format_version": 2, "latent_size": 2, "training": {}}',
            "lacks objective, data, quality, cost, graphs$",
        ),
    ],
)
def test_an_invalid_card_is_refused(tmp_path: Path, content: str, message: str) -> None:
    """The message names the file."""
    (tmp_path / "model.json").write_text(content)
    with pytest.raises(ModelError, match=rf"model\.json {message}"):
        ExportedModel(tmp_path)
