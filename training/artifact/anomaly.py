"""How unusual an image is to a model, in nats, and which digit it shows: set right by digits that it was not fitted to.

The score is -log p(x|z) - log p(z) at the posterior mean z: the reconstruction loss of the model's objective, and the
latent's density under the mixtures of ``latent_statistics``, which know better than the prior where digits lie. The
digit follows by Bayes' rule from the same densities.
"""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from training.artifact.latent_statistics import LatentStatistics

QUANTILES = 1001  # from 0 % to 100 % in steps of 0.1 %
TEMPERATURES = torch.logspace(
    -1, 2, 301, dtype=torch.float64
)  # each 2.3 % above the last


def anomaly_scores(reconstruction_loss: Tensor, log_densities: Tensor) -> Tensor:
    """The scores in nats, up to the objective's constant, (batch,).

    reconstruction_loss: -log p(x|z), (batch,).
    log_densities: log p(class) p(z|class), (batch, classes).
    """
    return reconstruction_loss - log_densities.logsumexp(dim=1)


def calibrate(
    statistics: LatentStatistics,
    reconstruction_loss: Tensor,
    latents: Tensor,
    labels: Tensor,
) -> LatentStatistics:
    """Add what digits that the model was not fitted to teach, given their losses, posterior means and labels.

    anomaly_quantiles: float32 (1001,), the scores that 0 %, 0.1 % ... 100 % of these digits do not exceed.
    class_temperature: float32 (), what log-densities are divided by to give probabilities of the classes.
    """
    log_densities = statistics.class_log_densities(latents)
    scores = anomaly_scores(reconstruction_loss, log_densities).numpy()
    return replace(
        statistics,
        anomaly_quantiles=np.quantile(scores, np.linspace(0, 1, QUANTILES)).astype(
            np.float32
        ),
        class_temperature=np.array(
            best_temperature(log_densities, is_class(statistics, labels)),
            dtype=np.float32,
        ),
    )


def best_temperature(log_densities: Tensor, right: Tensor) -> float:
    """The temperature of the least cross-entropy: Guo et al. 2017, arXiv:1706.04599, section 4.2."""
    losses = [
        -class_log_probabilities(log_densities, some)[right].mean()
        for some in TEMPERATURES.tolist()
    ]
    return TEMPERATURES[torch.stack(losses).argmin()].item()


def class_log_probabilities(log_densities: Tensor, temperature: float) -> Tensor:
    """The log p(class|z), (batch, classes), flattened by a temperature above 1."""
    return (log_densities / temperature).log_softmax(dim=1)


def is_class(statistics: LatentStatistics, labels: Tensor) -> Tensor:
    """Whether each label is each of the statistics' classes, ascending: bool (batch, classes)."""
    return labels.unsqueeze(1) == torch.from_numpy(np.unique(statistics.classes))
