"""Evaluation of an exported model of MNIST, on digits outside training.

A model trained on binarised digits is measured on binarised digits, except for its
features, samples and anomaly score: these use grey digits, as the service receives
them.
"""

from dataclasses import asdict
from typing import Literal

from training.artifact.exported_model import ExportedModel
from training.artifact.latent_statistics import LatentStatistics, read_statistics
from training.artifact.model_card import Card, write_card
from training.artifact.readme import write_measures
from training.data.errors import DataError
from training.data.images import LabelledImages
from training.evaluation.classification import classification_quality
from training.evaluation.classifier import Classifier
from training.evaluation.cost import milliseconds_per_image
from training.evaluation.inspection_quality import detection_quality
from training.evaluation.likelihood import negative_log_likelihood
from training.evaluation.model_quality import Quality, model_quality
from training.evaluation.model_readme import measures
from training.evaluation.ood_images import out_of_distribution_images
from training.evaluation.out_of_distribution import anomaly_quality
from training.inspection.exported_inspector import ExportedInspector

Split = Literal["test", "held-out"]

MIN_DIGITS = 100


def evaluate(  # noqa: PLR0913, PLR0917 - everything that a measure depends on
    model: ExportedModel,
    train: LabelledImages,
    test: LabelledImages,
    classifier: Classifier,
    split: Split = "test",
    fashion: LabelledImages | None = None,
) -> Card:
    """Measure a model; write the measures to its card and README; return the card.

    Raise DataError and ModelError as ``check`` does, and ModelError if the model is
    not calibrated.

    train: the digits that the model was fitted to.
    split: the part of the data that ``test`` is.
    fashion: Fashion-MNIST's images, if available.
    """
    statistics = check(model, train, test)
    _, uncalibrated = test.halves()
    others = out_of_distribution_images(test, fashion)
    quality: Quality = {"split": split}
    quality |= model_quality(model, statistics, train, test, classifier)
    quality["negative_log_likelihood"] = negative_log_likelihood(model, test)
    anomalies = anomaly_quality(
        model, statistics, test, uncalibrated, others, model.class_names
    )
    classification = classification_quality(model, statistics, uncalibrated)
    quality["anomalies"] = asdict(anomalies) | asdict(classification)
    milliseconds = milliseconds_per_image(model)
    cost = model.card["cost"] | {"milliseconds_per_image": milliseconds}
    card = model.card | {"quality": quality, "cost": cost}
    if "inspection" in card:
        inspector = ExportedInspector(model)
        detection = detection_quality(inspector, uncalibrated.pixels(), others)
        card["inspection"] = card["inspection"] | {"quality": detection}
    write_card(model.folder, card)
    write_measures(model.folder, measures(card))
    return card


def check(
    model: ExportedModel,
    train: LabelledImages,
    test: LabelledImages,
) -> LatentStatistics:
    """Return the model's statistics if it can be measured on these digits.

    Raise DataError if there are too few digits, and ModelError if the model has no
    statistics: both before any long computation.
    """
    fewest = min(len(train), len(test))
    if fewest < MIN_DIGITS:
        raise DataError(
            f"evaluation needs at least {MIN_DIGITS} training and {MIN_DIGITS} test "
            f"digits: found {len(train)} and {len(test)}"
        )
    return read_statistics(model)
