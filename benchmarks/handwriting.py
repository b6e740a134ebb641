"""python -m benchmarks.handwriting: how many digits that are not MNIST's are still told after they were reconstructed.

They are scikit-learn's 1,797 digits of 8 x 8 pixels, enlarged, on paper with margins, as JPEGs turned by EXIF; the
judge is the classifier of this repository, runs/classifier.pt.
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
    ClassifierError,
    features_and_classes,
    read_classifier,
)

SIDE = 96  # pixels of an enlarged digit
MARGINS = (0, 0.25, 0.5, 1, 2, 3)  # of the digit's side, on each of its sides
QUALITY = 80
ORIENTATION = 0x0112
# EXIF's numbers, each with the turn that it undoes.
TURNS = {
    1: None,
    3: Image.Transpose.ROTATE_180,
    6: Image.Transpose.ROTATE_90,
    8: Image.Transpose.ROTATE_270,
}
MAX_PIXELS = 4_000_000

Grey = NDArray[np.uint8]


def photograph(digit: Grey, margin: float, number: int, *, dark: bool) -> bytes:
    """A JPEG of one digit, each of four turned in another way."""
    side = round(SIDE * (1 + 2 * margin))
    paper = Image.new("L", (side, side))
    ink = Image.fromarray(digit).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    paper.paste(ink, (round(SIDE * margin), round(SIDE * margin)))
    image = Image.eval(paper, lambda level: 255 - level) if dark else paper
    orientation, turn = list(TURNS.items())[number % len(TURNS)]
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    content = io.BytesIO()
    (image if turn is None else image.transpose(turn)).save(
        content, "JPEG", quality=QUALITY, exif=exif
    )
    return content.getvalue()


def main() -> None:
    """Print the share of digits told, for each margin and each colour of ink, fitted and merely resized."""
    digits, labels = load_digits(return_X_y=True)
    images = np.rint(digits.reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
    autoencoder = OnnxAutoencoder.load(Path("models/mnist"))
    try:
        classifier = read_classifier(Path("runs/classifier.pt"))
    except (OSError, ClassifierError) as error:
        raise SystemExit(
            f"error: {error}; python -m training classifier makes it"
        ) from None
    shape = ImageShape(*autoencoder.card.image_shape)
    codec = ImageCodec(shape, ImageLimits(MAX_PIXELS, MAX_PIXELS))
    fits: tuple[Literal["auto", "resize"], ...] = ("auto", "resize")
    sys.stdout.write("| margin | ink | auto | resize |\n|---|---|---|---|\n")
    for margin in MARGINS:
        for dark in (False, True):
            files = [
                photograph(image, margin, number, dark=dark)
                for number, image in enumerate(images)
            ]
            shares = []
            for fit in fits:
                read = np.stack(
                    [
                        image.pixels
                        for file in files
                        for image in codec.decode([file], fit)
                    ]
                )
                decoded = autoencoder.decode(autoencoder.encode(read).mean)
                pixels = torch.from_numpy(decoded)
                _, classes = features_and_classes(classifier, pixels)
                shares.append(float(np.mean(classes.numpy() == labels)))
            sys.stdout.write(
                f"| {margin} | {'dark' if dark else 'light'} | {shares[0]:.3f} | {shares[1]:.3f} |\n"
            )
            sys.stdout.flush()


if __name__ == "__main__":
    main()
