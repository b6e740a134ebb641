"""A file that is not a checkpoint of this format is rejected."""

from pathlib import Path

import pytest
import torch

from tests.training.conftest import OTHER_CONTENTS
from training.fitting.checkpoint import read_checkpoint, trained_model
from training.fitting.errors import TrainingError


@pytest.mark.parametrize("content", OTHER_CONTENTS)
def test_another_file_is_rejected_by_name(tmp_path: Path, content: bytes) -> None:
    """The message names the file, whatever its content."""
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(content)
    with pytest.raises(
        TrainingError, match=r"checkpoint\.pt is not a checkpoint of this program"
    ):
        read_checkpoint(path)


def test_a_checkpoint_of_another_format_is_rejected(tmp_path: Path) -> None:
    """The message says which format is expected."""
    torch.save({"format": 99}, tmp_path / "checkpoint.pt")
    with pytest.raises(TrainingError, match="of format 99, not 3"):
        trained_model(tmp_path / "checkpoint.pt")
