"""Losses are written for TensorBoard; a missing package is reported."""

import sys
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from training.fitting.checkpoint import EpochResult
from training.fitting.errors import TrainingError
from training.fitting.tensorboard import epoch_log


def test_each_epochs_losses_are_written(tmp_path: Path) -> None:
    """Each loss is a scalar with its name and its epoch."""
    with epoch_log(tmp_path) as log:
        log(EpochResult(epoch=1, loss=3.0, reconstruction_loss=2.0, kl_divergence=1.0))
        log(EpochResult(epoch=2, loss=2.5, reconstruction_loss=1.5, kl_divergence=1.0))
    events = EventAccumulator(str(tmp_path)).Reload()

    assert set(events.Tags()["scalars"]) == {
        "loss",
        "reconstruction_loss",
        "kl_divergence",
    }
    assert [(event.step, event.value) for event in events.Scalars("loss")] == [
        (1, 3.0),
        (2, 2.5),
    ]


def test_without_a_folder_nothing_is_written() -> None:
    """Without a folder, results are discarded and TensorBoard is not imported."""
    with epoch_log(None) as log:
        log(EpochResult(1, 3.0, 2.0, 1.0))


def test_a_missing_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message has the command that installs it."""
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with (
        pytest.raises(TrainingError, match="pip install tensorboard"),
        epoch_log(tmp_path),
    ):
        pass

    assert list(tmp_path.iterdir()) == []
