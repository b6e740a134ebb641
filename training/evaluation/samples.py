"""How much what a model draws looks like digits: judged by the classifier, and beside the training digits."""

from dataclasses import dataclass

import numpy as np
import torch
from rich.progress import track
from torch import Tensor

from training.artifact.exported_model import ExportedModel, Floats
from training.artifact.latent_statistics import LatentStatistics
from training.data.digits import Digits
from training.evaluation.classifier import Classifier, features_and_classes
from training.evaluation.frechet import frechet_distance

COOL = 0.7  # a temperature that keeps closer to the middle of each Gaussian
CLOSEST = 0.01
DISTANCE_BATCH_SIZE = 100
SEED = 0


@dataclass(frozen=True, slots=True)
class Pictures:
    """Images of one kind: pixels (count, 1, height, width) in [0, 1], and the digits meant, if any, (count,)."""

    pixels: Tensor
    labels: Tensor | None = None


@dataclass(frozen=True, slots=True)
class PictureQuality:
    """Measures of pictures of one kind.

    frechet_distance: to the test digits, on the classifier's features; of training digits it is the floor, what two
        sets of real digits keep between them.
    class_agreement: share that the classifier takes for the digit meant; of test digits it is its accuracy.
    nearest_training_digit: mean Euclidean distance to the closest training digit, of pixels in [0, 1].
    nearest_training_digit_closest: the same distance, below which one picture in a hundred lies.
    """

    frechet_distance: float
    class_agreement: float | None
    nearest_training_digit: float
    nearest_training_digit_closest: float


def picture_qualities(
    model: ExportedModel,
    statistics: LatentStatistics,
    train: Digits,
    test: Digits,
    classifier: Classifier,
) -> dict[str, PictureQuality]:
    """Measure digits, their reconstructions and what the samplers draw, as many of each as test digits, by name."""
    train_pixels = train.pixels().flatten(start_dim=1)
    target, _ = features_and_classes(classifier, test.pixels())

    def quality(pictures: Pictures) -> PictureQuality:
        features, classes = features_and_classes(classifier, pictures.pixels)
        agreement = (
            None
            if pictures.labels is None
            else (classes == pictures.labels).double().mean().item()
        )
        distances = nearest_distances(
            pictures.pixels.flatten(start_dim=1), train_pixels
        )
        return PictureQuality(
            frechet_distance(features.numpy(), target.numpy()),
            agreement,
            distances.mean().item(),
            distances.quantile(CLOSEST).item(),
        )

    kinds = all_pictures(model, statistics, train, test)
    return {
        name: quality(kinds[name])
        for name in track(kinds, description="judging samples")
    }


def all_pictures(
    model: ExportedModel, statistics: LatentStatistics, train: Digits, test: Digits
) -> dict[str, Pictures]:
    """What is measured, by name."""
    random = np.random.default_rng(SEED)
    count = len(test)
    some = torch.from_numpy(random.permutation(len(train))[:count])
    means, _ = model.encode(test.pixels().numpy())

    def decoded(latent: Floats, labels: Tensor | None = None) -> Pictures:
        return Pictures(torch.from_numpy(model.decode(latent)), labels)

    return {
        "training digits": Pictures(
            train.images[some].float() / 255, train.labels[some]
        ),
        "test digits": Pictures(test.pixels(), test.labels),
        "reconstructions": decoded(means, test.labels),
        "prior": decoded(
            random.standard_normal((count, means.shape[1]), dtype=np.float32)
        ),
        "sampler": decoded(statistics.sample(count, random)),
        "sampler by class": decoded(
            *sample_classes(statistics, count, random, temperature=1.0)
        ),
        f"sampler by class, temperature {COOL}": decoded(
            *sample_classes(statistics, count, random, temperature=COOL)
        ),
    }


def sample_classes(
    statistics: LatentStatistics,
    count: int,
    random: np.random.Generator,
    temperature: float,
) -> tuple[Floats, Tensor]:
    """Latents of each class in turn, equally many, ``count`` or a little less together, and the classes."""
    classes = np.unique(statistics.classes)
    share = count // len(classes)
    latents = [
        statistics.of_class(label).sample(share, random, temperature)
        for label in classes
    ]
    return np.concatenate(latents), torch.from_numpy(np.repeat(classes, share))


def nearest_distances(pictures: Tensor, digits: Tensor) -> Tensor:
    """The Euclidean distance of each picture (count, pixels) to the closest digit (count, pixels)."""
    squares, turned = digits.square().sum(dim=1), digits.T
    nearest = [
        batch.square().sum(dim=1)
        + torch.addmm(squares, batch, turned, alpha=-2).amin(dim=1)
        for batch in pictures.split(DISTANCE_BATCH_SIZE)
    ]
    return torch.cat(nearest).clamp(min=0).sqrt()
