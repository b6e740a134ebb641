"""Any picture of a digit, brought to the model's size the way that MNIST was made.

http://yann.lecun.com/exdb/mnist: digits of 20 x 20 pixels, their sides' ratio kept, in 28 x 28 by their centre of mass.
"""

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field

from service.imaging.errors import ImageError

INK_SHARE = 5 / 7  # of the side: 20 of MNIST's 28 pixels
BLACK, WHITE = 0, 255
MIN_CONTRAST = 24  # grey levels between paper and the strongest ink; JPEG's noise on blank paper has fewer
FAINT = 0.15  # of the strongest ink: less is noise, and does not count when ink is looked for
FILTER = (
    Image.Resampling.HAMMING
)  # averages what it makes smaller, and draws no rings around ink

Grey = NDArray[np.uint8]  # (height, width)


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """What was done to an image, in this order; by default nothing."""

    oriented: Annotated[
        bool, Field(description="It was turned or mirrored as its EXIF data say.")
    ] = False
    inverted: Annotated[
        bool,
        Field(
            description="Its border is brighter than its ink: black and white changed."
        ),
    ] = False
    cropped: Annotated[
        tuple[int, int, int, int] | None,
        Field(
            description="The part that has the ink: left, top, right and bottom edge in its pixels; absent: all."
        ),
    ] = None
    scaled: Annotated[
        tuple[int, int] | None,
        Field(
            description="Width and height that this part was scaled to; absent: as it was."
        ),
    ] = None


UNTOUCHED = Preprocessing()


def fit_image(
    image: Image.Image, height: int, width: int, fit: object, *, oriented: bool
) -> tuple[Grey, Preprocessing]:
    """A picture in the size asked for, white ink on black, and what was done to it.

    One of that size is taken as it is. Another is refused by the fit "none", only scaled by "resize", and by any
    other fitted as MNIST's digits are. Raises ImageError.
    """
    fitted = Preprocessing(oriented=oriented)
    if image.size == (width, height):
        return grey_from_image(image), fitted
    if fit == "none":
        raise ImageError(
            f"{image.width} x {image.height} pixels; the model takes {width} x {height} (width x height)"
        )
    if fit == "resize":
        scaled = Image.fromarray(grey_from_image(image)).resize((width, height), FILTER)
        return np.asarray(scaled), replace(fitted, scaled=(width, height))
    ink, inverted = ink_of(image)
    cropped = ink_box(ink)
    digit = digit_of(ink, cropped, height * INK_SHARE, width * INK_SHARE)
    fitted = replace(
        fitted, inverted=inverted, cropped=cropped, scaled=digit.shape[::-1]
    )
    return centre(digit, height, width), fitted


def grey_from_image(image: Image.Image, paper: int = BLACK) -> Grey:
    """Any mode that a file opens in, as 8-bit grey; what is transparent shows the paper."""
    if image.mode.startswith("I"):  # 16-bit grey: 257 steps of it make one of 8 bits
        return ((np.asarray(image, dtype=np.uint32) + 128) // 257).astype(np.uint8)
    if image.mode == "P" and image.palette is None:
        raise ImageError("a picture without the palette that its pixels point to")
    if image.has_transparency_data:
        background = Image.new("RGBA", image.size, (paper, paper, paper))
        image = Image.alpha_composite(background, image.convert("RGBA"))
    return np.asarray(
        image.convert("RGB" if image.mode == "CMYK" else image.mode).convert("L")
    )


def ink_of(image: Image.Image) -> tuple[Grey, bool]:
    """How far each pixel is from the paper, and whether ink is the darker. Raises ImageError for a blank picture.

    Paper is what the border has most of; where that is transparent, what the ink can better be seen on.
    """
    grey = grey_from_image(image)
    if image.has_transparency_data:
        grey = max(grey, grey_from_image(image, WHITE), key=contrast)
    paper, darkest, brightest = levels(grey)
    inverted = paper - darkest > brightest - paper
    if max(paper - darkest, brightest - paper) < MIN_CONTRAST:
        raise ImageError(
            f"a blank picture: its grey levels are {darkest} to {brightest}, with no ink to be told"
        )
    steps = np.arange(WHITE + 1)
    distance = (
        (paper - steps if inverted else steps - paper).clip(BLACK).astype(np.uint8)
    )
    return distance[grey], inverted


def contrast(grey: Grey) -> int:
    """How far the pixel that is least like the paper is from it."""
    paper, darkest, brightest = levels(grey)
    return max(paper - darkest, brightest - paper)


def levels(grey: Grey) -> tuple[int, int, int]:
    """The grey of the paper, what the border has most of, and the darkest and the brightest of all."""
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    return int(np.median(border)), int(grey.min()), int(grey.max())


def ink_box(ink: Grey) -> tuple[int, int, int, int]:
    """Left, top, right and bottom edge of all ink that is not faint."""
    strong = ink > FAINT * ink.max()
    rows, columns = (
        np.flatnonzero(strong.any(axis=1)),
        np.flatnonzero(strong.any(axis=0)),
    )
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def digit_of(
    ink: Grey, box: tuple[int, int, int, int], height: float, width: float
) -> Grey:
    """The part of that box, as large as both sides allow, their ratio kept; its strongest ink white.

    Raises ImageError when it is so little that nothing is left of it.
    """
    left, top, right, bottom = box
    factor = min(height / (bottom - top), width / (right - left))
    size = (
        max(1, round(factor * (right - left))),
        max(1, round(factor * (bottom - top))),
    )
    digit = np.asarray(Image.fromarray(ink).resize(size, FILTER, box))
    strongest = int(digit.max())
    if strongest < FAINT * ink.max():
        raise ImageError(
            f"a blank picture: of its ink, little is left in {size[0]} x {size[1]} pixels"
        )
    return np.rint(digit * (WHITE / strongest)).astype(np.uint8)


def centre(digit: Grey, height: int, width: int) -> Grey:
    """A digit's centre of mass in the middle of black paper, as near as whole pixels and its edges allow."""
    pixels = np.zeros((height, width), dtype=np.uint8)
    top = offset(digit.sum(axis=1, dtype=np.int64), height)
    left = offset(digit.sum(axis=0, dtype=np.int64), width)
    pixels[top : top + digit.shape[0], left : left + digit.shape[1]] = digit
    return pixels


def offset(mass: NDArray[np.int64], size: int) -> int:
    """Where a row of masses must begin for its centre to be at ``size`` / 2, where that of MNIST's digits is."""
    centre_of_mass = float(np.arange(len(mass)) @ mass / mass.sum())
    return min(max(round(size / 2 - centre_of_mass), 0), size - len(mass))
