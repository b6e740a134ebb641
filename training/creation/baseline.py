"""The linear model that stands beside a network in its card: what needs no network."""

from training.artifact.exported_model import ExportedModel
from training.artifact.inference import TorchAutoencoder
from training.data.data_set import DataSet
from training.fitting.linear import set_weights
from training.network.linear import LinearVAE
from training.network.objective import Objective

SEED = 0


def fit_baseline(model: ExportedModel, data: DataSet) -> TorchAutoencoder | None:
    """Fit the linear model with as many latents as a model has.

    Return None if the model is linear itself, or if there are too few images.
    """
    is_linear = model.card["training"]["network"] == "linear"
    if is_linear or len(data.train) <= model.latent_size:
        return None
    network = LinearVAE(data.format.shape, model.latent_size)
    variance = set_weights(network, data.train, SEED)
    objective = Objective("gaussian", variance=variance)
    return TorchAutoencoder(network.eval(), objective)
