"""Quality of images, measured by a classifier and by their nearest training images."""

import math
from dataclasses import dataclass

import torch
from rich.progress import track
from torch import Tensor

from training.artifact.inference import TrainedAutoencoder
from training.artifact.latent_statistics import LatentStatistics
from training.data.images import LabelledImages
from training.evaluation.classifier import (
    Classifier,
    agreement,
    features_and_classes,
)
from training.evaluation.frechet import frechet_distance
from training.evaluation.image_sets import ImageSet, image_sets

LOW_QUANTILE = 0.01
MAX_VALUES = 2**26  # of the training images' pixels: 256 MB
IMAGE_SETS = 7
SETS_WITHOUT_CLASSES = 5
DISTANCE_BATCH_SIZE = 100


@dataclass(frozen=True, slots=True)
class SampleQuality:
    """Measures of a set of images.

    frechet_distance: to the test images, on the classifier's features. That of training
        images is the real-versus-real distance: two sets of real images differ by it.
    classification_accuracy: fraction classified as their label; for test images this is the
        classifier's accuracy. None without labels.
    nearest_training_distance: mean Euclidean distance to the nearest training image, of
        pixels in [0, 1].
    nearest_training_distance_1st_percentile: 1st percentile of that distance.
    """

    frechet_distance: float
    classification_accuracy: float | None
    nearest_training_distance: float
    nearest_training_distance_1st_percentile: float


def sample_qualities(
    model: TrainedAutoencoder,
    statistics: LatentStatistics,
    train: LabelledImages,
    test: LabelledImages,
    classifier: Classifier,
) -> dict[str, SampleQuality]:
    """Measure real images, reconstructions and samples, by the name of the set.

    The classifier's features are compared; its classes only if ``train`` has classes.
    """
    values = math.prod(train.image_shape)
    neighbors = train.random_part(MAX_VALUES // values)
    train_pixels = neighbors.pixels().flatten(start_dim=1)
    target, _ = features_and_classes(classifier, test.pixels())
    test_features = target.numpy()

    def quality(images: ImageSet) -> SampleQuality:
        features, classes = features_and_classes(classifier, images.pixels)
        pixels = images.pixels.flatten(start_dim=1)
        distances = nearest_distances(pixels, train_pixels)
        closest = distances.quantile(LOW_QUANTILE)
        classification_accuracy = None
        if images.labels is not None and train.has_classes:
            classification_accuracy = agreement(classes, images.labels)
        return SampleQuality(
            frechet_distance(features.numpy(), test_features),
            classification_accuracy,
            distances.mean().item(),
            closest.item(),
        )

    sets = image_sets(model, statistics, train, test)
    total = IMAGE_SETS if statistics.has_classes else SETS_WITHOUT_CLASSES
    progress = track(sets, total=total, description="measuring samples")
    return {name: quality(images) for name, images in progress}


def nearest_distances(images: Tensor, neighbors: Tensor) -> Tensor:
    """Return each image's Euclidean distance to the nearest neighbour, (count,).

    Both arguments have shape (count, pixels).
    """
    neighbor_norms = squared_norms(neighbors)
    transposed = neighbors.T
    nearest = []
    for batch in images.split(DISTANCE_BATCH_SIZE):
        # |a - b|^2 = |a|^2 + (|b|^2 - 2 a b); only the part in brackets depends on b.
        partial = torch.addmm(
            neighbor_norms,
            batch,
            transposed,
            alpha=-2,
        )
        nearest.append(squared_norms(batch) + partial.amin(dim=1))
    squared_distances = torch.cat(nearest)
    return squared_distances.clamp(min=0).sqrt()


def squared_norms(vectors: Tensor) -> Tensor:
    """Return the squared length of each vector (count, size)."""
    return vectors.square().sum(dim=1)
