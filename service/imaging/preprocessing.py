"""Fit an image of any size to the model's size."""

from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
from PIL import Image
from pydantic import Field

from service.imaging.errors import ImageError
from service.imaging.ink import centre_ink, crop_ink, find_ink, ink_box
from service.imaging.pixels import (
    MODES,
    RESAMPLING,
    ImageShape,
    Pixels,
    flatten,
    pixels_from_image,
)

# auto: crop, scale and centre the ink; resize: scale the whole image; none: reject.
Fit = Literal["auto", "resize", "none"]


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """The changes made to an image, in this order; by default none."""

    oriented: Annotated[
        bool,
        Field(description="Turned or mirrored as its EXIF orientation says."),
    ] = False
    inverted: Annotated[
        bool,
        Field(
            description="Black and white swapped: the ink was darker than its paper."
        ),
    ] = False
    cropped: Annotated[
        tuple[int, int, int, int] | None,
        Field(
            description="The part with the ink: its left, top, right and bottom edge, "
            "in pixels of the image. Absent: not cropped."
        ),
    ] = None
    scaled: Annotated[
        tuple[int, int] | None,
        Field(
            description="Width and height that this part was scaled to. "
            "Absent: not scaled."
        ),
    ] = None


UNCHANGED = Preprocessing()


def fit_image(
    image: Image.Image,
    shape: ImageShape,
    fit: Fit,
    *,
    oriented: bool,
) -> tuple[Pixels, Preprocessing]:
    """Return an image's pixels in the shape given, and the changes that were made.

    An image of this size is only converted to the shape's channels. Others are changed
    as ``fit`` says. Ink is located in grey only: for a shape in colour, "auto" is the
    same as "resize". Raises ImageError.
    """
    changes = Preprocessing(oriented=oriented)
    size = (shape.width, shape.height)
    if image.size == size:
        return pixels_from_image(image, shape.channels), changes
    if fit == "none":
        given = f"{image.width} x {image.height} pixels"
        expected = f"{shape.width} x {shape.height} (width x height)"
        raise ImageError(f"{given}; the model takes {expected}")
    if fit == "resize" or shape.channels > 1:
        return resize(image, shape), replace(changes, scaled=size)
    return fit_ink(image, shape, changes)


def fit_ink(
    image: Image.Image,
    shape: ImageShape,
    changes: Preprocessing,
) -> tuple[Pixels, Preprocessing]:
    """Return the ink of an image in the shape, and all changes so far.

    Raises ImageError for a blank image.
    """
    ink, inverted = find_ink(image)
    box = ink_box(ink)
    drawing = crop_ink(ink, box, shape.height, shape.width)
    drawing_height, drawing_width = drawing.shape
    changes = replace(
        changes,
        inverted=inverted,
        cropped=box,
        scaled=(drawing_width, drawing_height),
    )
    pixels = centre_ink(drawing, shape.height, shape.width)
    return pixels[np.newaxis], changes


def resize(image: Image.Image, shape: ImageShape) -> Pixels:
    """Return an image's pixels, scaled to the shape; the aspect ratio may change."""
    mode = MODES[shape.channels]
    size = (shape.width, shape.height)
    converted = flatten(image).convert(mode)
    resized = converted.resize(size, RESAMPLING)
    return pixels_from_image(resized, shape.channels)
