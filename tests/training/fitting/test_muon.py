"""Muon's steps are orthogonal and agree with PyTorch's Muon."""

import pytest
import torch

from training.fitting.muon import Muon, orthogonal


@pytest.mark.parametrize("shape", [(20, 30), (30, 20), (25, 25)])
def test_a_matrix_becomes_orthogonal(shape: tuple[int, int]) -> None:
    """The singular directions stay, the values become about 1; zero stays zero."""
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    made = left.t() @ orthogonal(1e-3 * matrix) @ right.t()

    kept = values > values.max() / 100
    assert made.diagonal()[kept].min() > 0.65
    assert made.diagonal().max() < 1.25
    torch.testing.assert_close(made, made.diagonal().diag(), rtol=0, atol=1e-3)
    assert not orthogonal(torch.zeros(shape)).any()


def test_its_steps_are_pytorchs() -> None:
    """Several steps agree to bfloat16's rounding, with the state saved and restored."""
    generator = torch.Generator().manual_seed(0)
    ours, theirs = (
        [torch.nn.Parameter(torch.zeros(shape)) for shape in ((8, 20), (20, 8))]
        for _ in range(2)
    )
    muon = Muon(ours, lr=0.1)
    reference = torch.optim.Muon(
        theirs, lr=0.1, weight_decay=0, adjust_lr_fn="match_rms_adamw"
    )
    for _ in range(5):
        for mine, other in zip(ours, theirs, strict=True):
            mine.grad = other.grad = torch.randn(mine.shape, generator=generator)
        muon.step()
        reference.step()
        state = muon.state_dict()
        muon = Muon(ours, lr=0.1)
        muon.load_state_dict(state)

    for mine, other in zip(ours, theirs, strict=True):
        assert (mine - other).norm() < 0.05 * other.norm()
