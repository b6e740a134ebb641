"""The Frechet distance between two sets of features, each taken as a Gaussian (Heusel et al. 2017)."""

import numpy as np

from training.artifact.exported_model import Floats


def frechet_distance(first: Floats, second: Floats) -> float:
    """|m1 - m2|^2 + Tr(S1 + S2 - 2 (S1 S2)^(1/2)) of features (count, size): arXiv:1706.08500, equation 6."""
    first_mean, second_mean = (
        first.mean(axis=0, dtype=np.float64),
        second.mean(axis=0, dtype=np.float64),
    )
    first_covariance, second_covariance = (
        np.cov(part, rowvar=False, dtype=np.float64) for part in (first, second)
    )
    # The trace of the root is the sum of the eigenvalues' roots; they are real and 0 or more, up to rounding.
    eigenvalues = np.linalg.eigvals(first_covariance @ second_covariance).real.clip(
        min=0
    )
    traces = (
        np.trace(first_covariance)
        + np.trace(second_covariance)
        - 2 * np.sqrt(eigenvalues).sum()
    )
    return max(0.0, float(np.square(first_mean - second_mean).sum() + traces))
