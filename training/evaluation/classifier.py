"""A small convolutional classifier, to measure reconstructions and samples.

The architecture is the textbook's (LeCun et al. 1998). The Fréchet distance compares
the values before its last layer.
"""

import io
import math
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from training.data.images import LabelledImages
from training.files import read_saved, write_file
from training.network.mlp import ImageShape

FEATURES = 128
CLASSES = 10  # of MNIST
STEM_SIZE = 32  # pixels; the first layer skips positions of larger images
INFERENCE_BATCH_SIZE = 100  # a layer's output fits the processor's cache


class ClassifierError(Exception):
    """A file is not a classifier; the message names the file."""


class Classifier(nn.Module):
    """Map pixels in [0, 1] to one logit a class, (batch, classes).

    The pixels have shape (batch, channels, height, width), MNIST's by default; the
    shorter side has at least 12.
    """

    def __init__(
        self,
        image_shape: ImageShape = (1, 28, 28),
        classes: int = CLASSES,
    ) -> None:
        super().__init__()
        channels, height, width = image_shape
        stride = stem_stride(min(height, width))
        rows = final_positions(height, stride)
        columns = final_positions(width, stride)
        self.body = nn.Sequential(
            *convolution(channels, 32, kernel=5, padding=2, stride=stride),
            nn.MaxPool2d(2),
            *convolution(32, 64, kernel=3, padding=1),
            nn.MaxPool2d(2),
            *convolution(64, 64, kernel=3, padding=0),
            nn.Flatten(),
            nn.Linear(64 * rows * columns, FEATURES),
            nn.ReLU(),
        )
        self.output = nn.Linear(FEATURES, classes)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the logits."""
        features = self.body(pixels)
        logits: Tensor = self.output(features)
        return logits


def stem_stride(size: int) -> int:
    """Return the first layer's stride, a power of two: at most 32 positions remain."""
    stride = 1
    while size > STEM_SIZE * stride:
        stride *= 2
    return stride


def final_positions(size: int, stride: int) -> int:
    """Return the positions along a side of ``size`` pixels, after all convolutions."""
    pooled = math.ceil(size / stride) // 2 // 2
    return pooled - 2  # the last convolution is not padded


def convolution(
    inputs: int,
    outputs: int,
    kernel: int,
    padding: int,
    stride: int = 1,
) -> tuple[nn.Module, ...]:
    """Return a convolution, batch normalisation and ReLU."""
    return (
        nn.Conv2d(
            inputs,
            outputs,
            kernel,
            stride=stride,
            padding=padding,
            bias=False,
        ),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def features_and_classes(model: Classifier, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Return features and predicted classes.

    The features, float32 (count, 128), are the values before the last layer; the
    classes are int64 (count,).
    """
    batches = pixels.split(INFERENCE_BATCH_SIZE)
    with torch.inference_mode():
        outputs = [model.body(batch) for batch in batches]
        features = torch.cat(outputs)
        logits = model.output(features)
        return features, logits.argmax(dim=1)


def accuracy(model: Classifier, images: LabelledImages) -> float:
    """Return the fraction of images that are classified correctly."""
    _, classes = features_and_classes(model, images.pixels())
    return agreement(classes, images.labels)


def agreement(classes: Tensor, labels: Tensor) -> float:
    """Return the fraction of predicted classes that equal their label."""
    correct = classes == labels
    return correct.double().mean().item()


def save_classifier(model: Classifier, path: Path) -> None:
    """Write the weights, atomically."""
    content = io.BytesIO()
    torch.save(model.state_dict(), content)
    write_file(path, content.getvalue())


def read_classifier(path: Path) -> Classifier:
    """Return the classifier of MNIST in a file.

    Raise OSError if the file cannot be read, and ClassifierError, naming the file, if
    it is not a classifier.
    """
    model = Classifier()
    weights = cast("dict[str, Tensor]", read_saved(path))
    try:
        model.load_state_dict(weights)
    except (
        AttributeError,  # for names that are not strings
        RuntimeError,
        TypeError,
    ) as error:
        raise ClassifierError(f"{path} is not a classifier of this program") from error
    return model.eval()
