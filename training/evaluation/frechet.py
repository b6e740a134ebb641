"""Fréchet distance between two sets of features, modelled as Gaussians.

Heusel et al. 2017, arXiv:1706.08500.
"""

import numpy as np
from numpy.typing import NDArray

from training.artifact.exported_model import Floats

Doubles = NDArray[np.float64]


def frechet_distance(first: Floats, second: Floats) -> float:
    """Return |m1 - m2|^2 + Tr(S1 + S2 - 2 (S1 S2)^(1/2)), equation 6.

    ``first`` and ``second``: features (count, size), of means m1, m2 and covariances
    S1, S2.
    """
    first_covariance = covariance(first)
    second_covariance = covariance(second)
    difference = mean(first) - mean(second)
    squared_distance = np.square(difference).sum()
    first_trace = np.trace(first_covariance)
    second_trace = np.trace(second_covariance)
    root_trace = trace_of_root(first_covariance @ second_covariance)
    traces = first_trace + second_trace - 2 * root_trace
    distance = float(squared_distance + traces)
    return max(0.0, distance)


def mean(features: Floats) -> Doubles:
    """Return the mean (size,) of features (count, size)."""
    result: Doubles = features.mean(axis=0, dtype=np.float64)
    return result


def covariance(features: Floats) -> Doubles:
    """Return the covariance (size, size) of features (count, size)."""
    result: Doubles = np.cov(
        features,
        rowvar=False,
        dtype=np.float64,
    )
    return result


def trace_of_root(product: Doubles) -> float:
    """Return the trace of the square root of a product of two covariances.

    It is the sum of the eigenvalues' square roots; the eigenvalues are real and
    non-negative, except for rounding.
    """
    eigenvalues = np.linalg.eigvals(product)
    roots = np.sqrt(eigenvalues.real.clip(min=0))
    return float(roots.sum())
