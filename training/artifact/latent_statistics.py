"""Latent statistics: a Gaussian mixture for each class, to sample and score latents.

Each mixture is fitted to draws from the posteriors of a class's training images, its
aggregated posterior, not to the posterior means alone: a single Gaussian has the
covariance Cov(mean) + diag(mean of the variance). All mixtures together, weighted by
the frequency of each class, model latents of any class. Images without classes have one
label, and one mixture.
"""

import io
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from training.artifact.exported_model import ExportedModel, Floats
from training.artifact.latent_mixture import (
    Labels,
    component_count,
    draw_posteriors,
    fit_gaussian,
    fit_mixture,
    pooled_covariance,
)
from training.artifact.model_card import ModelError, read_file

STATISTICS_FILE = "statistics.npz"
DRAWS_SEED = 0


@dataclass(frozen=True, slots=True, eq=False)
class LatentStatistics:
    """Gaussians in the latent space, each of one class.

    weights: float32 (count,), of sum 1.
    classes: int64 (count,), the class of each.
    means: float32 (count, latent).
    cholesky: float32 (count, latent, latent), the covariances' lower Cholesky factors.
    anomaly_quantiles, class_temperature: set by ``training.artifact.anomaly.calibrate``;
        None until then.
    inspection_scores: float64 (parts, images), each part's anomaly scores of the
        calibration images, by ``training.inspection.inspector``; None until then.
    """

    weights: Floats
    classes: Labels
    means: Floats
    cholesky: Floats
    anomaly_quantiles: Floats | None = None
    class_temperature: Floats | None = None
    inspection_scores: NDArray[np.float64] | None = None

    @property
    def has_classes(self) -> bool:
        """Return whether the Gaussians are of more than one class."""
        return len(np.unique(self.classes)) > 1

    def of_class(self, label: int) -> "LatentStatistics":
        """Return the mixture of one class."""
        mine = self.classes == label
        weights = self.weights[mine]
        return LatentStatistics(
            weights / weights.sum(),
            self.classes[mine],
            self.means[mine],
            self.cholesky[mine],
        )

    def sample(
        self,
        count: int,
        random: np.random.Generator,
        temperature: float = 1.0,
    ) -> Floats:
        """Draw latents, float32 (count, latent).

        temperature: factor of the noise within each Gaussian.
        """
        weights = self.weights.astype(np.float64)
        probabilities = weights / weights.sum()
        chosen = random.choice(
            len(weights),
            size=count,
            p=probabilities,
        )
        shape = count, self.means.shape[1]
        noise = temperature * random.standard_normal(shape, dtype=np.float32)
        latents: Floats = self.means[chosen] + np.einsum(
            "nij,nj->ni", self.cholesky[chosen], noise
        )
        return latents

    def class_log_densities(self, latents: Tensor) -> Tensor:
        """Return log p(class) p(z|class) in nats, float64 (batch, classes).

        The classes ascend.
        """
        class_weights = []
        log_densities = []
        for label in np.unique(self.classes):
            weights = self.weights[self.classes == label]
            class_weights.append(weights.sum(dtype=np.float64))
            mixture = self.of_class(label).distribution()
            log_densities.append(mixture.log_prob(latents.double()))
        priors = torch.tensor(class_weights).log()
        return priors + torch.stack(log_densities, dim=1)

    def distribution(self) -> MixtureSameFamily:
        """Return the mixture of all Gaussians, in float64."""
        weights, means, cholesky = (
            torch.from_numpy(part).double()
            for part in (self.weights, self.means, self.cholesky)
        )
        return MixtureSameFamily(
            Categorical(weights), MultivariateNormal(means, scale_tril=cholesky)
        )

    def to_bytes(self) -> bytes:
        """Return the arrays by name as a compressed NumPy archive without pickles."""
        content = io.BytesIO()
        fields = asdict(self).items()
        arrays = {name: array for name, array in fields if array is not None}
        np.savez_compressed(content, allow_pickle=False, **arrays)
        return content.getvalue()


def fit(
    mean: Floats,
    log_variance: Floats,
    labels: Labels,
) -> LatentStatistics:
    """Fit a mixture for each class to the posteriors (count, latent) of its images."""
    random = np.random.default_rng(DRAWS_SEED)
    pooled = pooled_covariance(mean, labels)
    parts = []
    classes_present = np.unique(labels)
    for label in track(classes_present, description="fitting the mixtures"):
        members = labels == label
        class_mean, class_log_variance = mean[members], log_variance[members]
        if component_count(class_mean) == 1:
            mixture = fit_gaussian(class_mean, class_log_variance, pooled)
        else:
            draws = draw_posteriors(class_mean, class_log_variance, random)
            mixture = fit_mixture(draws, component_count(class_mean))
        parts.append(
            (
                mixture.weights * np.mean(members),
                np.full(len(mixture.weights), label),
                mixture.means,
                np.linalg.cholesky(mixture.covariances),
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


def read_statistics(model: ExportedModel) -> LatentStatistics:
    """Return the statistics in the model's folder.

    Raise ModelError if the card names none, or if the file's hash differs.
    """
    entry = model.card.get("statistics")
    if entry is None:
        raise ModelError(
            f"{model.folder} has no latent statistics: export the model again"
        )
    content = io.BytesIO(read_file(model.folder, entry))
    with np.load(content, allow_pickle=False) as arrays:
        return LatentStatistics(**arrays)
