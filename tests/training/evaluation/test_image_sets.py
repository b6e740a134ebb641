"""Samples by class are drawn in equal numbers."""

from pathlib import Path

import numpy as np
import torch

from training.artifact.exported_model import ExportedModel
from training.artifact.latent_statistics import read_statistics
from training.evaluation.image_sets import sample_classes


def test_classes_are_sampled_equally_often(
    exported: Path, random: np.random.Generator
) -> None:
    """The count is rounded down to a multiple of the classes; labels are in order."""
    latents, labels = sample_classes(
        read_statistics(ExportedModel(exported)), 10_005, random, temperature=1.0
    )

    assert latents.shape == (10_000, 32)
    assert torch.equal(labels, torch.arange(10).repeat_interleave(1000))
