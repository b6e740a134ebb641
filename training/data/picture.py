"""A picture of any size and mode as pixels of a data set's format.

The service applies the same steps, in the same order, to the pictures that it is sent.
"""

import struct

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms

from training.data.image_format import ImageFormat

MODES = {1: "L", 3: "RGB"}  # Pillow's, by the number of channels
RESAMPLING = Image.Resampling.LANCZOS
BLACK = 0
WHITE = 255
GREY_STEP = 257  # 65535 / 255: levels of 16 bits for one of 8 bits
MAX_LEVEL_16 = 65535
STORED_UPRIGHT = 1
EXIF_ERRORS = (SyntaxError, ValueError, LookupError, OSError, struct.error)
# From the picture as stored to the picture upright, by EXIF's orientation.
TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

Pixels = NDArray[np.uint8]  # (channels, height, width)


def fit_picture(image: Image.Image, image_format: ImageFormat) -> Pixels:
    """Return a picture's pixels in the format: its first frame, upright.

    Transparent parts show the background. Raises ValueError for a picture that has no
    grey levels or colours, such as palette indices without a palette.
    """
    mode = MODES[image_format.channels]
    background = image_format.background or (BLACK,) * image_format.channels
    opaque = flatten(upright(image), background)
    converted = opaque.convert(mode)
    size = (image_format.width, image_format.height)
    if image_format.fit == "pad":
        fitted = pad(converted, size, background)
    elif image_format.fit == "crop":
        fitted = crop(converted, size)
    else:
        fitted = converted.resize(size, RESAMPLING)
    pixels = np.asarray(fitted)
    pixels = pixels.reshape(image_format.height, image_format.width, -1)
    return pixels.transpose(2, 0, 1)


def upright(image: Image.Image) -> Image.Image:
    """Return a picture turned and mirrored as its EXIF data say."""
    image.load()  # the EXIF data of a PNG may come after its pixels
    orientation = read_orientation(image)
    transposition = TRANSPOSITIONS.get(orientation)
    return image if transposition is None else image.transpose(transposition)


def read_orientation(image: Image.Image) -> int:
    """Return the orientation in a picture's EXIF data; 1, upright, if unreadable.

    Pillow's `ImageOps.exif_transpose` would also follow XMP metadata.
    """
    content = image.info.get("exif", b"")
    exif = Image.Exif()
    try:
        exif.load(content)
        orientation = exif.get(ExifTags.Base.Orientation)
    except EXIF_ERRORS:
        return STORED_UPRIGHT
    return orientation if isinstance(orientation, int) else STORED_UPRIGHT


def flatten(image: Image.Image, background: tuple[int, ...]) -> Image.Image:
    """Return a picture of any mode with 8 bits a channel, opaque on the background.

    Raises ValueError for palette indices without a palette.
    """
    if image.mode.startswith("I"):
        return reduce_depth(image)
    if image.mode == "F":
        return reduce_floats(image)
    if image.mode == "P" and image.palette is None:
        raise ValueError("a palette image without its palette")
    if image.has_transparency_data:
        red, green, blue = background * (3 // len(background))
        paper = Image.new("RGBA", image.size, (red, green, blue))
        return Image.alpha_composite(paper, image.convert("RGBA"))
    if image.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        return ImageCms.buildTransform(lab, srgb, "LAB", "RGB").apply(image)
    if image.mode == "CMYK":
        return image.convert("RGB")
    return image


def reduce_depth(image: Image.Image) -> Image.Image:
    """Return a grey image of 16 bits with 8 bits, its levels rounded."""
    levels = np.asarray(image).clip(0, MAX_LEVEL_16).astype(np.uint32)
    rounded = (levels + GREY_STEP // 2) // GREY_STEP
    return Image.fromarray(rounded.astype(np.uint8))


def reduce_floats(image: Image.Image) -> Image.Image:
    """Return a grey image of floats with 8 bits.

    White is 1 if no level is above 1, otherwise 255. A level that is not a number is
    black.
    """
    levels = np.nan_to_num(np.asarray(image), nan=BLACK)
    white = 1 if levels.max() <= 1 else WHITE
    rounded = np.rint(levels.clip(0, white) * (WHITE / white))
    return Image.fromarray(rounded.astype(np.uint8))


def pad(
    image: Image.Image, size: tuple[int, int], background: tuple[int, ...]
) -> Image.Image:
    """Return an image scaled to fit in the size, in the middle of the background."""
    width, height = size
    factor = min(width / image.width, height / image.height)
    scaled_width = max(1, round(factor * image.width))
    scaled_height = max(1, round(factor * image.height))
    scaled = image.resize((scaled_width, scaled_height), RESAMPLING)
    left = (width - scaled_width) // 2
    top = (height - scaled_height) // 2
    paper = Image.new(image.mode, size, background)
    paper.paste(scaled, (left, top))
    return paper


def crop(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return the central part of an image with the size's aspect ratio, scaled."""
    width, height = size
    factor = max(width / image.width, height / image.height)
    part_width = max(1, round(width / factor))
    part_height = max(1, round(height / factor))
    left = (image.width - part_width) // 2
    top = (image.height - part_height) // 2
    box = (left, top, left + part_width, top + part_height)
    return image.resize(size, RESAMPLING, box)
