"""Faster arithmetic is limited to the training steps."""

import torch

from tests.training.conftest import CPU, SMALL
from training.data.images import LabelledImages
from training.fitting.trainer import Trainer


def test_training_restores_the_precision_of_products(
    train_digits: LabelledImages,
) -> None:
    """Full precision is back between epochs, for exports in the same process."""
    before = torch.get_float32_matmul_precision()
    within = [
        torch.get_float32_matmul_precision()
        for _ in Trainer(train_digits, SMALL, CPU).epochs()
    ]

    assert within == [before] * SMALL.epochs
    assert torch.get_float32_matmul_precision() == before == "highest"
