"""The sets of images whose quality is measured: real ones, reconstructions, samples."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from training.artifact.exported_model import Floats
from training.artifact.inference import TrainedAutoencoder, decode, posterior_means
from training.artifact.latent_statistics import LatentStatistics
from training.data.images import LabelledImages

REDUCED_TEMPERATURE = 0.7  # draws latents closer to the mean of each Gaussian
SEED = 0

TRAINING_IMAGES = "training images"
TEST_IMAGES = "test images"
RECONSTRUCTIONS = "reconstructions"
PRIOR_SAMPLES = "samples from the prior"
MIXTURE_SAMPLES = "samples from the mixture"
CLASS_SAMPLES = "samples by class"
COOL_CLASS_SAMPLES = f"samples by class, temperature {REDUCED_TEMPERATURE}"


@dataclass(frozen=True, slots=True)
class ImageSet:
    """Pixels (count, channels, height, width) in [0, 1], and labels (count,) if known.

    The label of a sample is the class that it was drawn for.
    """

    pixels: Tensor
    labels: Tensor | None = None


def image_sets(
    model: TrainedAutoencoder,
    statistics: LatentStatistics,
    train: LabelledImages,
    test: LabelledImages,
) -> Iterator[tuple[str, ImageSet]]:
    """Yield sets of about as many images as there are test images, by name.

    Each set is decoded when it is asked for. Statistics of one class give no samples by
    class.
    """
    random = np.random.default_rng(SEED)
    count = len(test)
    order = random.permutation(len(train))
    subset = train.select(torch.from_numpy(order[:count]))
    means = posterior_means(model, test)
    shape = count, model.latent_size
    prior = random.standard_normal(shape, dtype=np.float32)
    mixture = statistics.sample(count, random)
    by_class = sample_classes(statistics, count, random, 1.0)
    cool = sample_classes(statistics, count, random, REDUCED_TEMPERATURE)

    def decoded(latent: Floats, labels: Tensor | None = None) -> ImageSet:
        return ImageSet(decode(model, torch.from_numpy(latent)), labels)

    yield TRAINING_IMAGES, ImageSet(subset.pixels(), subset.labels)
    yield TEST_IMAGES, ImageSet(test.pixels(), test.labels)
    yield RECONSTRUCTIONS, decoded(means.numpy(), test.labels)
    yield PRIOR_SAMPLES, decoded(prior)
    yield MIXTURE_SAMPLES, decoded(mixture)
    if statistics.has_classes:
        yield CLASS_SAMPLES, decoded(*by_class)
        yield COOL_CLASS_SAMPLES, decoded(*cool)


def sample_classes(
    statistics: LatentStatistics,
    count: int,
    random: Generator,
    temperature: float,
) -> tuple[Floats, Tensor]:
    """Draw equally many latents of each class; return them and their classes.

    The total is ``count``, rounded down to a multiple of the number of classes, but at
    least one of each class.
    """
    classes = np.unique(statistics.classes)
    class_count = max(1, count // len(classes))
    latents = []
    for label in classes:
        mixture = statistics.of_class(label)
        drawn = mixture.sample(class_count, random, temperature)
        latents.append(drawn)
    labels = np.repeat(classes, class_count)
    return np.concatenate(latents), torch.from_numpy(labels)
