"""python -m benchmarks.handwriting: classification of reconstructed foreign digits.

The digits are scikit-learn's 1,797 of 8 x 8 pixels, enlarged, on paper with margins, as
JPEGs with EXIF orientations. The classifier is that of this repository,
runs/classifier.pt.
"""

import io
import sys
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits

from service.imaging.codec import ImageCodec, ImageLimits
from service.imaging.pixels import ImageShape
from service.model.onnx_autoencoder import OnnxAutoencoder
from training.evaluation.classifier import (
    Classifier,
    ClassifierError,
    agreement,
    features_and_classes,
    read_classifier,
)

SIDE = 96  # pixels of an enlarged digit
MARGINS = (0, 0.25, 0.5, 1, 2, 3)  # on each side, relative to the digit's side
QUALITY = 80
ORIENTATION = 0x0112  # the EXIF tag
# EXIF orientations, each with the rotation that it undoes.
ROTATIONS = {
    1: None,
    3: Image.Transpose.ROTATE_180,
    6: Image.Transpose.ROTATE_90,
    8: Image.Transpose.ROTATE_270,
}
MAX_PIXELS = 4_000_000
Fit = Literal["auto", "resize"]
FITS: tuple[Fit, ...] = ("auto", "resize")

Grey = NDArray[np.uint8]


def main() -> None:
    """Print the accuracy for each margin and ink, fitted and only resized."""
    images, labels = enlargeable_digits()
    autoencoder = OnnxAutoencoder.load(Path("models/mnist"))
    shape = ImageShape(*autoencoder.card.image_shape)
    codec = ImageCodec(shape, ImageLimits(MAX_PIXELS, MAX_PIXELS))
    try:
        classifier = read_classifier(Path("runs/classifier.pt"))
    except (OSError, ClassifierError) as error:
        raise SystemExit(
            f"error: {error}; python -m training classifier makes it"
        ) from None
    sys.stdout.write("| margin | ink | auto | resize |\n|---|---|---|---|\n")
    for margin in MARGINS:
        for ink in ("light", "dark"):
            files = photographs(images, margin, dark=ink == "dark")
            cells = [f"{margin}", ink]
            for fit in FITS:
                read = read_files(codec, files, fit)
                pixels = reconstruct(autoencoder, read)
                accuracy = measure(classifier, pixels, labels)
                cells.append(f"{accuracy:.3f}")
            sys.stdout.write(f"| {' | '.join(cells)} |\n")
            sys.stdout.flush()


def enlargeable_digits() -> tuple[Grey, torch.Tensor]:
    """Return scikit-learn's digits (count, 8, 8) and their labels (count,)."""
    digits, labels = load_digits(return_X_y=True)
    grey = digits.reshape(-1, 8, 8) * (255 / 16)
    return np.rint(grey).astype(np.uint8), torch.from_numpy(labels)


def photographs(
    images: Grey,
    margin: float,
    *,
    dark: bool,
) -> list[bytes]:
    """Return a JPEG of each digit."""
    return [
        photograph(image, margin, number, dark=dark)
        for number, image in enumerate(images)
    ]


def photograph(
    digit: Grey,
    margin: float,
    number: int,
    *,
    dark: bool,
) -> bytes:
    """Return a JPEG of one digit; four successive numbers have four orientations."""
    side = round(SIDE * (1 + 2 * margin))
    offset = round(SIDE * margin)
    image = Image.new("L", (side, side))
    small = Image.fromarray(digit)
    ink = small.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    image.paste(ink, (offset, offset))
    if dark:
        image = Image.eval(image, lambda level: 255 - level)
    orientations = list(ROTATIONS)
    orientation = orientations[number % len(orientations)]
    rotation = ROTATIONS[orientation]
    if rotation is not None:
        image = image.transpose(rotation)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    content = io.BytesIO()
    image.save(content, "JPEG", quality=QUALITY, exif=exif)
    return content.getvalue()


def read_files(
    codec: ImageCodec,
    files: list[bytes],
    fit: Fit,
) -> Grey:
    """Decode files to uint8 (count, channels, height, width)."""
    read = []
    for file in files:
        (image,) = codec.decode([file], fit)
        read.append(image.pixels)
    return np.stack(read)


def reconstruct(autoencoder: OnnxAutoencoder, pixels: Grey) -> torch.Tensor:
    """Return reconstructions, float32 (count, channels, height, width)."""
    posterior = autoencoder.encode(pixels)
    decoded = autoencoder.decode(posterior.mean)
    return torch.from_numpy(decoded)


def measure(
    classifier: Classifier,
    pixels: torch.Tensor,
    labels: torch.Tensor,
) -> float:
    """Return the fraction of images classified as their label."""
    _, classes = features_and_classes(classifier, pixels)
    return agreement(classes, labels)


if __name__ == "__main__":
    main()
