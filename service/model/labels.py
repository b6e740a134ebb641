"""Names of the classes that a model has latent statistics of."""

from service.model.autoencoder import Autoencoder, Backend


def label_classes(model: Autoencoder | Backend) -> dict[str, int]:
    """Return the class of each label that has statistics, the classes ascending.

    A label is a class's name in the model card, a class its number in the statistics.
    """
    labels = model.card.labels
    if not labels:
        return {}
    return {labels[number].name: number for number in model.statistics.class_numbers}
