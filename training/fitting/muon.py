"""Muon: momentum, orthogonalised before each step.

Method and coefficients: https://kellerjordan.github.io/posts/muon/. PyTorch's own Muon
multiplies in bfloat16, which takes 27 times as long on processors without instructions
for it.
"""

import math
from collections.abc import Iterable

import torch
from torch import Tensor
from torch.optim import Optimizer

MOMENTUM = 0.95
ADAM_RMS = 0.2  # of Adam's steps, in learning rates: arXiv:2502.16982, section 2.2
ITERATIONS = 5
A, B, C = 3.4445, -4.7750, 2.0315  # coefficients of the polynomial
MIN_NORM = 1e-7  # to divide by


class Muon(Optimizer):
    """Optimizer of matrices alone, with steps as long as Adam's.

    The kernels of a convolution are the rows of a matrix.
    """

    def __init__(self, matrices: Iterable[Tensor], lr: float) -> None:
        super().__init__(matrices, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # no caller has a closure
        """Move each matrix against its gradient."""
        del closure
        for group in self.param_groups:
            for matrix in group["params"]:
                self._move(matrix, group["lr"])

    def _move(self, matrix: Tensor, rate: float) -> None:
        gradient = matrix.grad
        assert gradient is not None  # noqa: S101 - set before each step
        state = self.state[matrix]
        if not state:
            state["momentum"] = torch.zeros_like(matrix)
        momentum = state["momentum"].lerp_(gradient, 1 - MOMENTUM)
        nesterov = gradient.lerp(momentum, MOMENTUM)
        rows = nesterov.flatten(start_dim=1)
        size = math.sqrt(max(rows.shape))
        step = orthogonal(rows).reshape(matrix.shape)
        matrix.add_(step, alpha=-rate * ADAM_RMS * size)


def orthogonal(matrix: Tensor) -> Tensor:
    """Return approximately the nearest orthogonal matrix.

    Its singular values are 0.7 to 1.2, except those that were almost 0. The
    Newton-Schulz iteration of fifth order, X <- (A I + B XX' + C (XX')^2) X. The
    factors are multiplied with each other first, each a polynomial of the XX' before
    it, so that the long side is in two products, not in ten.
    """
    if matrix.shape[0] > matrix.shape[1]:
        return orthogonal(matrix.t()).t()
    norm = matrix.norm().clamp(min=MIN_NORM)
    scaled = matrix / norm
    square = scaled @ scaled.t()
    factor = polynomial(square)
    product = factor
    for _ in range(ITERATIONS - 1):
        square = factor @ square @ factor
        factor = polynomial(square)
        product = factor @ product
    nearest: Tensor = product @ scaled
    return nearest


def polynomial(square: Tensor) -> Tensor:
    """Return A I + B square + C square^2."""
    result = torch.addmm(square, square, square, beta=B, alpha=C)
    result.diagonal().add_(A)
    return result
