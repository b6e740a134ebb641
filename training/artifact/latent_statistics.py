"""Where digits lie in the latent space: a mixture of Gaussians for each class, from which new latents are drawn.

The mixtures are fitted to draws from the posteriors of a class's training digits, its aggregated posterior, not to the
means alone: one Gaussian would have the covariance Cov(mean) + diag(mean of the variance). All mixtures together,
weighted by how often each class occurs, are the sampler without a class.
"""

import io
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from sklearn.mixture import GaussianMixture
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from training.artifact.exported_model import (
    ExportedModel,
    Floats,
    ModelError,
    read_file,
)

STATISTICS_FILE = "statistics.npz"
COMPONENTS = 20  # a class
DIGITS_PER_COMPONENT = (
    100  # a covariance of 32 dimensions wants three times as many digits
)
DRAWS = 3  # from the posterior of each digit
SETTLED = 1e-2  # nats a draw: expectation-maximisation ends when a step gains less
SMALLEST_VARIANCE = 1e-4  # added to each: a class of few digits fills no volume
SEED = 0

Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class LatentStatistics:
    """Gaussians in the latent space, each of one class.

    weights: float32 (count,), 1 together.
    classes: int64 (count,), the digit that each stands for.
    means: float32 (count, latent).
    cholesky: float32 (count, latent, latent), the lower Cholesky factors of the covariances.
    anomaly_quantiles, class_temperature: see ``training.artifact.anomaly``; None until calibrated.
    """

    weights: Floats
    classes: Labels
    means: Floats
    cholesky: Floats
    anomaly_quantiles: Floats | None = None
    class_temperature: Floats | None = None

    def of_class(self, label: int) -> "LatentStatistics":
        """The mixture of one class."""
        mine = self.classes == label
        weights = self.weights[mine]
        return LatentStatistics(
            weights / weights.sum(),
            self.classes[mine],
            self.means[mine],
            self.cholesky[mine],
        )

    def sample(
        self, count: int, random: np.random.Generator, temperature: float = 1.0
    ) -> Floats:
        """Draw latents, float32 (count, latent); the noise within each Gaussian is scaled by ``temperature``."""
        weights = self.weights.astype(np.float64)
        chosen = random.choice(len(weights), size=count, p=weights / weights.sum())
        noise = temperature * random.standard_normal(
            (count, self.means.shape[1]), dtype=np.float32
        )
        latents: Floats = self.means[chosen] + np.einsum(
            "nij,nj->ni", self.cholesky[chosen], noise
        )
        return latents

    def class_log_densities(self, latents: Tensor) -> Tensor:
        """The log p(class) p(z|class) in nats, float64 (batch, classes), of latents; the classes ascend."""
        labels = np.unique(self.classes)
        shares = torch.tensor(
            [
                self.weights[self.classes == label].sum(dtype=np.float64)
                for label in labels
            ]
        )
        densities = [
            self.of_class(label).distribution().log_prob(latents.double())
            for label in labels
        ]
        return shares.log() + torch.stack(densities, dim=1)

    def distribution(self) -> MixtureSameFamily:
        """All Gaussians by their weights."""
        weights, means, cholesky = (
            torch.from_numpy(part).double()
            for part in (self.weights, self.means, self.cholesky)
        )
        return MixtureSameFamily(
            Categorical(weights), MultivariateNormal(means, scale_tril=cholesky)
        )

    def to_bytes(self) -> bytes:
        """The arrays by name as a compressed NumPy archive without pickles."""
        content = io.BytesIO()
        arrays = {
            name: array for name, array in asdict(self).items() if array is not None
        }
        np.savez_compressed(content, allow_pickle=False, **arrays)
        return content.getvalue()


def fit(mean: Floats, log_variance: Floats, labels: Labels) -> LatentStatistics:
    """Fit a mixture for each class that occurs to the posteriors (count, latent) of training digits."""
    random = np.random.default_rng(SEED)
    parts = []
    for label in track(np.unique(labels), description="fitting the samplers"):
        mine = np.repeat(np.flatnonzero(labels == label), DRAWS)
        noise = random.standard_normal((len(mine), mean.shape[1]), dtype=np.float32)
        draws: Floats = mean[mine] + np.exp(0.5 * log_variance[mine]) * noise
        mixture = fit_mixture(draws)
        weights = mixture.weights_ * np.mean(labels == label)
        parts.append(
            (
                weights,
                np.full(len(weights), label),
                mixture.means_,
                np.linalg.cholesky(mixture.covariances_),
            )
        )
    weights, classes, means, cholesky = (
        np.concatenate(part) for part in zip(*parts, strict=True)
    )
    return LatentStatistics(
        weights.astype(np.float32),
        classes,
        means.astype(np.float32),
        cholesky.astype(np.float32),
    )


def fit_mixture(draws: Floats) -> GaussianMixture:
    """Fit Gaussians of full covariance to latents (count, latent) by expectation-maximisation."""
    components = min(COMPONENTS, max(1, len(draws) // (DRAWS * DIGITS_PER_COMPONENT)))
    return GaussianMixture(
        components, tol=SETTLED, reg_covar=SMALLEST_VARIANCE, random_state=SEED
    ).fit(draws)


def read_statistics(model: ExportedModel) -> LatentStatistics:
    """The statistics in the model's folder. Raises ModelError, naming the file, if they are not the card's."""
    entry = model.card.get("statistics")
    if entry is None:
        raise ModelError(
            f"{model.folder} has no latent statistics: export the model again"
        )
    with np.load(
        io.BytesIO(read_file(model.folder, entry)), allow_pickle=False
    ) as arrays:
        return LatentStatistics(**arrays)
