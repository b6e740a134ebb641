"""Fit an image of any size to the model's size.

Training brings the pictures of a folder to the model's images by the same steps, so
that the model sees in service exactly what it was trained on.
"""

import math
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
from PIL import Image
from pydantic import Field

from service.imaging.errors import ImageError
from service.imaging.ink.arrays import Box, Grey
from service.imaging.ink.finder import NoInkError, Removed, check_contrast, find_ink
from service.imaging.ink.page import border_level, grey_page
from service.imaging.ink.placement import centre_ink, crop_ink, is_placed
from service.imaging.pixels import (
    BLACK,
    RESAMPLING,
    Color,
    ImageShape,
    Pixels,
    convert,
    pixels_from_image,
)

# auto: the model's own fit; resize: scale the whole image; none: reject.
Fit = Literal["auto", "resize", "none"]
FitMethod = Literal["ink", "stretch", "pad", "crop"]


@dataclass(frozen=True, slots=True)
class ModelFit:
    """The model's own way to fit images.

    Attributes:
        method: ink: crop, scale and center the ink, of grey images only; stretch: scale
            the whole image; pad: scale it to fit inside, over the background; crop:
            scale its central part.
        background: Levels around padded images and under transparent ones.
        resampling: Filter that scales images.
    """

    method: FitMethod
    background: Color
    resampling: Image.Resampling


INK_FIT = ModelFit("ink", (BLACK,), RESAMPLING)


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
            description="The part that was kept: its left, top, right and bottom "
            "edge, in pixels of the image. Absent: not cropped."
        ),
    ] = None
    scaled: Annotated[
        tuple[int, int] | None,
        Field(
            description="Width and height that it was scaled to. Absent: not scaled."
        ),
    ] = None
    removed: Annotated[
        tuple[Removed, ...],
        Field(
            description="Things on the page that were ignored: specks; lines, such as "
            "ruling; frame, also the edge of a sheet; shadow. Only for ink."
        ),
    ] = ()
    others: Annotated[
        int,
        Field(
            description="Number of further drawings on the page. Only for ink.",
        ),
    ] = 0
    confidence: Annotated[
        float | None,
        Field(
            description="Confidence in [0, 1] that the ink found is what a person "
            "would read. Absent: ink was not searched for."
        ),
    ] = None


UNCHANGED = Preprocessing()


def fit_image(
    image: Image.Image,
    shape: ImageShape,
    fit: Fit,
    *,
    oriented: bool,
    model_fit: ModelFit = INK_FIT,
) -> tuple[Pixels, Preprocessing]:
    """Return an image's pixels in the shape given, and the changes that were made.

    An image of this size is only converted to the shape's channels, unless its ink is
    dark or in its alpha channel. Others are changed as ``fit`` says. Raises ImageError.
    """
    changes = Preprocessing(oriented=oriented)
    size = (shape.width, shape.height)
    if image.size == size:
        if fit == "auto" and model_fit.method == "ink":
            grey = grey_page(image)
            return fit_own_size(grey[np.newaxis], changes)
        converted = convert(image, shape.channels, model_fit.background)
        return pixels_from_image(converted, shape.channels), changes
    if fit == "none":
        given = f"{image.width} x {image.height} pixels"
        expected = f"{shape.width} x {shape.height} (width x height)"
        raise ImageError(f"{given}; the model takes {expected}")
    method = "stretch" if fit == "resize" else model_fit.method
    if method == "ink":
        return fit_ink(image, shape, changes)
    converted = convert(image, shape.channels, model_fit.background)
    scaled, changes = scale(converted, size, method, model_fit, changes)
    return pixels_from_image(scaled, shape.channels), changes


def fit_own_size(
    pixels: Pixels,
    changes: Preprocessing = UNCHANGED,
) -> tuple[Pixels, Preprocessing]:
    """Return grey pixels of the model's size with light ink, and all changes.

    Light ink stays where it is. Dark ink is made light; it also stays where it is if it
    is placed as MNIST's digits are. An image in which no ink is found is not changed.
    Raises ImageError for a blank image.
    """
    (grey,) = pixels
    check_contrast(grey)
    paper = border_level(grey)
    if 2 * paper < int(grey.min()) + int(grey.max()):
        return pixels, changes
    light = grey.max() - grey
    if is_placed(light):
        return light[np.newaxis], replace(changes, inverted=True)
    height, width = grey.shape
    try:
        return fit_page(grey, ImageShape(1, height, width), changes)
    except NoInkError:
        return pixels, changes


def fit_ink(
    image: Image.Image,
    shape: ImageShape,
    changes: Preprocessing,
) -> tuple[Pixels, Preprocessing]:
    """Return the ink of an image in the shape, and all changes so far.

    Raises ImageError for an image that is blank or has no drawing.
    """
    page = grey_page(image)
    pixels, changes = fit_page(page, shape, changes)
    if changes.cropped is None:
        return pixels, changes
    box = scale_box(changes.cropped, page.shape, image.size)
    return pixels, replace(changes, cropped=box)


def fit_page(
    page: Grey,
    shape: ImageShape,
    changes: Preprocessing,
) -> tuple[Pixels, Preprocessing]:
    """Return the ink of a page in the shape, and all changes so far.

    Raises ImageError for a page that is blank or has no drawing.
    """
    ink = find_ink(page)
    drawing = crop_ink(ink.levels, ink.box, shape.height, shape.width)
    drawing_height, drawing_width = drawing.shape
    changes = replace(
        changes,
        inverted=ink.inverted,
        cropped=ink.box,
        scaled=(drawing_width, drawing_height),
        removed=ink.removed,
        others=ink.others,
        confidence=round(ink.confidence, 3),
    )
    pixels = centre_ink(drawing, shape.height, shape.width)
    return pixels[np.newaxis], changes


def scale_box(
    box: Box,
    shape: tuple[int, ...],
    size: tuple[int, int],
) -> Box:
    """Return the part of an image of that size which is the box of its page."""
    height, width = shape
    left, top, right, bottom = box
    across = size[0] / width
    down = size[1] / height
    return (
        math.floor(left * across),
        math.floor(top * down),
        math.ceil(right * across),
        math.ceil(bottom * down),
    )


def scale(
    image: Image.Image,
    size: tuple[int, int],
    method: FitMethod,
    model_fit: ModelFit,
    changes: Preprocessing,
) -> tuple[Image.Image, Preprocessing]:
    """Return an image of another size in this size, and all changes so far."""
    if method == "pad":
        return pad(image, size, model_fit, changes)
    box = None
    if method == "crop":
        box = central_part(image, size)
    scaled = image.resize(size, model_fit.resampling, box)
    return scaled, replace(changes, cropped=box, scaled=size)


def pad(
    image: Image.Image,
    size: tuple[int, int],
    model_fit: ModelFit,
    changes: Preprocessing,
) -> tuple[Image.Image, Preprocessing]:
    """Return an image scaled to fit in the size, in the middle of the background."""
    width, height = size
    factor = min(width / image.width, height / image.height)
    inner_width = max(1, round(factor * image.width))
    inner_height = max(1, round(factor * image.height))
    inner_size = (inner_width, inner_height)
    scaled = image.resize(inner_size, model_fit.resampling)
    left = (width - inner_width) // 2
    top = (height - inner_height) // 2
    paper = Image.new(image.mode, size, model_fit.background)
    paper.paste(scaled, (left, top))
    return paper, replace(changes, scaled=inner_size)


def central_part(image: Image.Image, size: tuple[int, int]) -> Box:
    """Return the largest box in the middle of an image with the size's aspect ratio."""
    width, height = size
    factor = max(width / image.width, height / image.height)
    part_width = max(1, round(width / factor))
    part_height = max(1, round(height / factor))
    left = (image.width - part_width) // 2
    top = (image.height - part_height) // 2
    return left, top, left + part_width, top + part_height
