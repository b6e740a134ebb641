"""The parts of a model card that describe the images."""

import base64
import io
from collections.abc import Sequence

from PIL import Image
from torch import Tensor

from training.artifact.model_card import Card
from training.data.data_set import DataSet
from training.data.image_format import ImageFormat
from training.data.images import LabelledImages

COLORS = {1: "grey", 3: "sRGB"}  # by the number of channels


def describe_images(image_format: ImageFormat) -> Card:
    """Return the card's description of the images, and of the way to bring others to it."""
    background = image_format.background
    return {
        "image": {
            "channels": image_format.channels,
            "height": image_format.height,
            "width": image_format.width,
            "color": COLORS[image_format.channels],
        },
        "fit": {
            "method": image_format.fit,
            "background": None if background is None else list(background),
            "resampling": "hamming" if image_format.fit == "ink" else "lanczos",
        },
    }


def read_format(card: Card) -> ImageFormat:
    """Return the images' format from the card, the reverse of ``describe_images``."""
    image, fit = card["image"], card["fit"]
    background = fit["background"]
    return ImageFormat(
        channels=image["channels"],
        height=image["height"],
        width=image["width"],
        fit=fit["method"],
        background=None if background is None else tuple(background),
    )


def describe_labels(class_names: Sequence[str], fitted: LabelledImages) -> Card:
    """Return the card's classes: names, and numbers of images the model was fitted to.

    Classes after the last one with such images are left out: those of defects.
    """
    counts = fitted.labels.bincount().tolist()
    labels = [
        {"name": name, "images": count}
        for name, count in zip(class_names, counts, strict=False)
    ]
    return {"labels": labels}


def describe_data(data: DataSet, fitted: LabelledImages) -> Card:
    """Return the card's description of the data; the quality is not yet measured."""
    images = {
        "train": len(fitted),
        "calibration": len(data.calibration),
        "test": len(data.test),
    }
    described: Card = {
        "name": data.name,
        "source": data.source,
        "images": images,
        "sha256": data.sha256,
        "licence": data.licence,
        "skipped": list(data.skipped),
    }
    return {"title": data.title, "data": described, "quality": None}


def describe_examples(data: DataSet) -> Card:
    """Return the card's two example images, as base64 PNGs; training saw neither."""
    examples = [data.calibration.images[0], data.test.images[0]]
    return {"examples": [png_base64(image) for image in examples]}


def png_base64(image: Tensor) -> str:
    """Return a uint8 image (channels, height, width) as a base64 PNG."""
    content = io.BytesIO()
    levels = image.movedim(0, 2).numpy()
    if len(image) == 1:
        levels = levels[:, :, 0]
    picture = Image.fromarray(levels)
    picture.save(content, format="PNG", optimize=True)
    encoded = base64.b64encode(content.getvalue())
    return encoded.decode("ascii")
