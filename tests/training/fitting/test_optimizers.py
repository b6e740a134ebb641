"""Each parameter is updated by the optimizer that the recipe names."""

from dataclasses import replace

import pytest
import torch

from tests.training.conftest import CPU, MUON
from training.data.images import LabelledImages
from training.fitting.trainer import Trainer


def test_muon_updates_matrices_and_adam_biases(train_digits: LabelledImages) -> None:
    """In the first step, Adam moves all numbers by the same amount.

    Muon moves a matrix by about the same amount in all its singular directions.
    """
    before = Trainer(train_digits, MUON, CPU).model.state_dict()
    trainer = Trainer(
        train_digits, replace(MUON, epochs=1, batch_size=512, averaging=0.0), CPU
    )
    list(trainer.epochs())
    moved = {
        name: (value - before[name]) / MUON.learning_rate
        for name, value in trainer.model.state_dict().items()
    }

    assert [
        value.abs().median() for name, value in moved.items() if name.endswith("bias")
    ] == pytest.approx([1] * 5, abs=0.01)
    values = torch.linalg.svdvals(moved["decoder.hidden.weight"])
    assert values.max() < 3 * values.min()
