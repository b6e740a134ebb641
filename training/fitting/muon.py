"""Muon: momentum that is made orthogonal before each step (https://kellerjordan.github.io/posts/muon/).

PyTorch's own multiplies in bfloat16, which takes processors without instructions for it 27 times as long.
"""

import math
from collections.abc import Iterable

import torch
from torch import Tensor
from torch.optim import Optimizer

MOMENTUM = 0.95
ADAM = 0.2  # root mean square of Adam's steps, in step sizes: arXiv:2502.16982, section 2.2
ITERATIONS = 5
A, B, C = 3.4445, -4.7750, 2.0315  # the polynomial's coefficients, as in the post above
SMALLEST = 1e-7  # norm to divide by


class Muon(Optimizer):
    """Takes steps of matrices alone, each as long as Adam's would be."""

    def __init__(self, matrices: Iterable[Tensor], lr: float) -> None:
        super().__init__(matrices, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # nobody gives a closure
        """Move each matrix against its gradient."""
        del closure
        for group in self.param_groups:
            for matrix in group["params"]:
                state = self.state[matrix]
                if not state:
                    state["momentum"] = torch.zeros_like(matrix)
                momentum = state["momentum"].lerp_(matrix.grad, 1 - MOMENTUM)
                step = orthogonal(
                    matrix.grad.lerp(momentum, MOMENTUM)
                )  # Nesterov's momentum
                matrix.add_(
                    step, alpha=-group["lr"] * ADAM * math.sqrt(max(matrix.shape))
                )


def orthogonal(matrix: Tensor) -> Tensor:
    """About the nearest orthogonal matrix: singular values of 0.7 to 1.2, but for those that were next to nothing.

    Newton and Schulz's iteration of fifth order, X <- (A I + B XX' + C (XX')^2) X. The factors are multiplied up first,
    each a polynomial of the XX' before it, so that the long side takes part in two products, not in ten.
    """
    if matrix.shape[0] > matrix.shape[1]:
        return orthogonal(matrix.t()).t()
    scaled = matrix / matrix.norm().clamp(min=SMALLEST)
    square = scaled @ scaled.t()
    factors = factor = polynomial(square)
    for _ in range(ITERATIONS - 1):
        square = factor @ square @ factor
        factor = polynomial(square)
        factors = factor @ factors
    nearest: Tensor = factors @ scaled
    return nearest


def polynomial(square: Tensor) -> Tensor:
    """A I + B square + C square^2."""
    result = torch.addmm(square, square, square, beta=B, alpha=C)
    result.diagonal().add_(A)
    return result
