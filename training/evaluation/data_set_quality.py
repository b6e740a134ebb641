"""Evaluation of an exported model on a data set, beside the linear baseline."""

import math
from dataclasses import asdict

import torch
import typer

from training.artifact.anomaly import fit_calibrated
from training.artifact.exported_model import ExportedModel
from training.artifact.inference import TrainedAutoencoder
from training.artifact.latent_statistics import LatentStatistics, read_statistics
from training.data.data_set import DataSet
from training.data.errors import DataError
from training.data.images import LabelledImages
from training.evaluation.classification import classification_quality
from training.evaluation.classifier import Classifier
from training.evaluation.classifier_training import random_features, train_classifier
from training.evaluation.model_quality import Quality, model_quality
from training.evaluation.out_of_distribution import anomaly_quality

MIN_TEST_IMAGES = 2
MAX_TRAINING_IMAGES = 60_000  # whose latents classify those of the test images
MAX_TEST_IMAGES = 10_000  # each is compared with all training images above
MAX_TEST_VALUES = 2**25  # of pixels: 128 MB, and as much for each set of samples
CLASSIFIER_STEPS = 300  # a minute for images of 64 x 64 on one thread


def evaluate_data_set(
    model: ExportedModel,
    data: DataSet,
    baseline: TrainedAutoencoder | None = None,
) -> Quality:
    """Return an exported model's measures on the test images, for its card.

    Test images of a class that training had no images of are left out: the defects of a
    data set with a normal class. Large sets are represented by random images.

    baseline: the linear model; its measures are under ``linear``.

    Raise DataError if there are fewer than two test images, and ModelError if the model
    is not calibrated.
    """
    statistics = read_statistics(model)
    train = data.train.random_part(MAX_TRAINING_IMAGES)
    test = measurable_images(data)
    classifier = make_classifier(data)
    network = model.card["training"]["network"]
    typer.echo(f"measuring the model ({network})")
    quality: Quality = {"split": "test"}
    quality |= model_quality(model, statistics, train, test, classifier)
    quality |= latent_quality(model, statistics, test, data.class_names)
    if baseline is not None:
        typer.echo("measuring the linear model, for comparison")
        fitted = fit_calibrated(baseline, data.train, data.calibration)
        linear = model_quality(baseline, fitted, train, test, classifier)
        linear |= latent_quality(baseline, fitted, test, data.class_names)
        quality["linear"] = linear
    return quality


def measurable_images(data: DataSet) -> LabelledImages:
    """Return random test images of the classes that training had.

    They are at most 10,000, and at most 128 MB.
    Raise DataError if there are fewer than two.
    """
    known = torch.isin(data.test.labels, data.train.labels.unique())
    test = data.test.select(known.nonzero().squeeze(1))
    if len(test) < MIN_TEST_IMAGES:
        raise DataError(
            f"{data.name}: evaluation needs at least {MIN_TEST_IMAGES} test images of "
            f"the classes trained on: found {len(test)}"
        )
    values = math.prod(test.image_shape)
    return test.random_part(min(MAX_TEST_IMAGES, MAX_TEST_VALUES // values))


def make_classifier(data: DataSet) -> Classifier:
    """Train a classifier of the classes; without classes, return random features."""
    if not data.train.has_classes:
        return random_features(data.train)
    return train_classifier(data.train, len(data.class_names), CLASSIFIER_STEPS)


def latent_quality(
    model: TrainedAutoencoder,
    statistics: LatentStatistics,
    test: LabelledImages,
    class_names: tuple[str, ...],
) -> Quality:
    """Measure the anomaly score's false alarms and the class probabilities."""
    anomalies = anomaly_quality(model, statistics, test, test, {}, class_names)
    quality = asdict(anomalies)
    if statistics.has_classes:
        quality |= asdict(classification_quality(model, statistics, test))
    return {"anomalies": quality}
