"""python -m benchmarks.handwriting [DIGITS]: digits on pages, reconstructed and read.

MNIST's test digits and scikit-learn's, enlarged, on every kind of page in
``benchmarks.pages``, go through the service's codec and the shipped model. The
classifier of this repository, runs/classifier.pt, reads the reconstructions. DIGITS of
each data set are used, 40 by default.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from benchmarks.pages import CLEAN, KINDS, Kind, encode, enlarge
from service.imaging.codec import ImageCodec, ImageLimits
from service.imaging.errors import ImageError
from service.imaging.pixels import ImageShape
from service.model.onnx_autoencoder import OnnxAutoencoder
from training.data.mnist import DataSource
from training.evaluation.classifier import (
    Classifier,
    ClassifierError,
    agreement,
    features_and_classes,
    read_classifier,
)

COUNT = 40
SEEDS = (0, 1, 2)
FORMATS = ("PNG", "JPEG")
MAX_PIXELS = 4_000_000

Grey = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Digits:
    """Digits uint8 (count, height, width), and their labels (count,)."""

    images: Grey
    labels: torch.Tensor


class Reader:
    """Fits pages to the model, reconstructs them and reads the reconstructions."""

    def __init__(self, autoencoder: OnnxAutoencoder, classifier: Classifier) -> None:
        self._autoencoder = autoencoder
        self._classifier = classifier
        self._shape = ImageShape(*autoencoder.card.image_shape)
        self._codec = ImageCodec(self._shape, ImageLimits(MAX_PIXELS, MAX_PIXELS))

    def accuracy(self, files: list[bytes], labels: torch.Tensor) -> float:
        """Return the fraction of pages that are read as their label."""
        pixels = np.stack([self._fit(file) for file in files])
        posterior = self._autoencoder.encode(pixels)
        decoded = torch.from_numpy(self._autoencoder.decode(posterior.mean))
        _, classes = features_and_classes(self._classifier, decoded)
        return agreement(classes, labels)

    def _fit(self, file: bytes) -> Grey:
        """Return a page's pixels; black if nothing is found on it."""
        try:
            image = self._codec.decode_one(file, "auto")
        except ImageError:
            shape = (self._shape.channels, self._shape.height, self._shape.width)
            return np.zeros(shape, np.uint8)
        return image.pixels


def main() -> None:
    """Print the accuracy for each kind of page and strength."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    try:
        classifier = read_classifier(Path("runs/classifier.pt"))
    except (OSError, ClassifierError) as error:
        raise SystemExit(
            f"error: {error}; python -m training classifier makes it"
        ) from None
    reader = Reader(OnnxAutoencoder.load(Path("models/mnist")), classifier)
    data_sets = (mnist_digits(count), small_digits(count))
    sys.stdout.write("| page | strength | MNIST | scikit-learn |\n|---|---|---|---|\n")
    for kind in (CLEAN, *KINDS):
        for strength in kind.strengths:
            cells = [kind.name, f"{strength:g}"]
            for digits in data_sets:
                accuracy = mean_accuracy(reader, digits, kind, strength)
                cells.append(f"{accuracy:.3f}")
            sys.stdout.write(f"| {' | '.join(cells)} |\n")
            sys.stdout.flush()


def mean_accuracy(
    reader: Reader,
    digits: Digits,
    kind: Kind,
    strength: float,
) -> float:
    """Return the mean over polarities, formats and seeds."""
    accuracies = [
        reader.accuracy(files, digits.labels)
        for files in page_files(digits, kind, strength)
    ]
    return float(np.mean(accuracies))


def page_files(
    digits: Digits,
    kind: Kind,
    strength: float,
) -> Iterator[list[bytes]]:
    """Yield the pages of all digits, in each polarity and format, for each seed."""
    for seed in SEEDS if kind.is_random else SEEDS[:1]:
        random = np.random.default_rng(seed)
        pages = [
            kind.page(enlarge(digit, kind.side), strength, random)
            for digit in digits.images
        ]
        for dark in (True, False):
            for file_format in FORMATS:
                yield [encode(page, file_format, dark=dark) for page in pages]


def mnist_digits(count: int) -> Digits:
    """Return odd-numbered test digits: scores are calibrated on the even ones."""
    test = DataSource().load("t10k", None)
    chosen = slice(1, 2 * count, 2)
    return Digits(test.images[chosen, 0].numpy(), test.labels[chosen])


def small_digits(count: int) -> Digits:
    """Return scikit-learn's digits, 8 x 8 pixels, from all parts of the set."""
    digits, labels = load_digits(return_X_y=True)
    grey = np.rint(digits.reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
    step = len(grey) // count
    chosen = slice(None, step * count, step)
    return Digits(grey[chosen], torch.from_numpy(labels[chosen]))


if __name__ == "__main__":
    main()
