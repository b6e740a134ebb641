"""The measures of any autoencoder on any images: the common part of all evaluations."""

from dataclasses import asdict
from typing import Any

from training.artifact.inference import TrainedAutoencoder
from training.artifact.latent_statistics import LatentStatistics
from training.data.images import LabelledImages
from training.evaluation.autoencoder_quality import autoencoder_quality
from training.evaluation.classifier import Classifier
from training.evaluation.features import feature_quality
from training.evaluation.sample_quality import sample_qualities

Quality = dict[str, Any]  # as in the model card


def model_quality(
    model: TrainedAutoencoder,
    statistics: LatentStatistics,
    train: LabelledImages,
    test: LabelledImages,
    classifier: Classifier,
) -> Quality:
    """Measure reconstructions, latents and samples.

    train: the images that the model was fitted to.
    classifier: its features are compared by the Fréchet distance.
    """
    autoencoder = autoencoder_quality(model, test)
    features = feature_quality(model, train, test)
    samples = sample_qualities(model, statistics, train, test, classifier)
    quality: Quality = asdict(autoencoder) | asdict(features)
    quality["image_sets"] = {name: asdict(samples[name]) for name in samples}
    return quality
