"""Images of requests decoded to the model's shape, and of responses encoded."""

import binascii
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from service.imaging.errors import ImageError
from service.imaging.ink.finder import MIN_CONTRAST
from service.imaging.pixels import WHITE, ImageShape, Pixels
from service.imaging.plain_png import MAX_PREFIX, PlainPngReader, write_pngs
from service.imaging.preprocessing import (
    INK_FIT,
    UNCHANGED,
    Fit,
    ModelFit,
    Preprocessing,
    fit_image,
    fit_own_size,
    scale_box,
)
from service.imaging.reader import DECODING_ERRORS, SourceImage, measure, read_image

# NumPy stops all threads while it repeats pixels: about 4 ms for so many bytes.
MAX_REPEATED_BYTES = 4_000_000
MAX_CORNER = 63  # grey level of dark paper
# Numbers of the pixels' type: NumPy takes half as long as with Python's.
ZERO, ONE, WHITE_LEVEL = (np.array(n, np.float32) for n in (0, 1, WHITE))
FAINT = bytes(range(MIN_CONTRAST))  # grey levels that are no ink on black paper
LARGEST_IMAGES = 8  # images of the largest size that a request may have

UnitPixels = NDArray[np.float32]  # in [0, 1]


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """Bounds on what is decoded: a small file can have very many pixels.

    Attributes:
        max_bytes: Of one image's file.
        max_pixels: Of one image, before preprocessing.
    """

    max_bytes: int
    max_pixels: int

    @property
    def max_characters(self) -> int:
        """Characters of the longest file in base64."""
        return math.ceil(self.max_bytes / 3) * 4 + MAX_PREFIX

    @property
    def max_total_pixels(self) -> int:
        """Pixels in a request's images after which no more is decoded."""
        return LARGEST_IMAGES * self.max_pixels


class DecodedImage(NamedTuple):
    """An image in the model's shape.

    Attributes:
        pixels: uint8 (channels, height, width), 0 is black.
        preprocessing: The changes made to the image.
        source_pixels: Number of pixels that were decoded by Pillow; 0 for a plain PNG.
    """

    pixels: Pixels
    preprocessing: Preprocessing
    source_pixels: int


@dataclass(frozen=True, slots=True, eq=False)
class DecodedImages:
    """Images in the model's shape.

    Attributes:
        pixels: uint8 (batch, channels, height, width), 0 is black.
        preprocessing: The changes made to each image.
    """

    pixels: Pixels
    preprocessing: Sequence[Preprocessing]

    @classmethod
    def none(cls) -> Self:
        """Return no images."""
        return cls(np.empty((0, 1, 1, 1), np.uint8), ())


class ImageCodec:
    """Decoder of PNG, JPEG, WebP, BMP and GIF, of any mode, to one shape.

    Attributes:
        shape: Of all decoded images.
        limits: Bounds on the files.
        model_fit: The way to fit an image if ``fit`` is "auto".
    """

    def __init__(
        self,
        shape: ImageShape,
        limits: ImageLimits,
        model_fit: ModelFit = INK_FIT,
    ) -> None:
        self.shape = shape
        self.limits = limits
        self.model_fit = model_fit
        self._plain_png_reader = PlainPngReader(shape)

    def are_plain(self, contents: Sequence[object]) -> bool:
        """Return whether all items look like plain PNGs of the shape.

        They have the right first bytes and a small enough size, so that the time to
        decode them is negligible.
        """
        return self._plain_png_reader.are_plain(contents)

    def decode(self, contents: Sequence[str | bytes], fit: Fit) -> DecodedImages:
        """Decode files, or base64 with or without the prefix of a data URI.

        Raises ImageError, with the item's index, for the first item that ``decode_one``
        rejects, or that comes after too many pixels.
        """
        if len(contents) > 1 and self.are_plain(contents):
            pixels = self._decode_plain(contents, fit)
            if pixels is not None:
                return DecodedImages(pixels, [UNCHANGED] * len(contents))
        images = self._decode_in_order(contents, fit)
        if not images:
            return DecodedImages.none()
        if len(images) == 1:  # a view takes a quarter of the time of a copy
            (image,) = images
            return DecodedImages(image.pixels[np.newaxis], [image.preprocessing])
        return DecodedImages(
            np.stack([image.pixels for image in images]),
            [image.preprocessing for image in images],
        )

    def decode_one(self, content: str | bytes, fit: Fit) -> DecodedImage:
        """Decode a file, or base64 with or without the prefix of a data URI.

        The image is turned as its EXIF data say and preprocessed by ``fit_image``.
        Raises ImageError if it is no image of a known format, is damaged or too large.
        """
        self._check_size(content)
        file = to_bytes(content)
        fits_ink = self._fits_ink(fit)
        plain = self._plain_png_reader.read(file)
        if plain is not None:
            if fits_ink and needs_fit(plain):
                pixels, changes = fit_own_size(plain)
                return DecodedImage(pixels, changes, 0)
            return DecodedImage(plain, UNCHANGED, 0)
        max_pixels = self.limits.max_pixels
        source = read_image(file, max_pixels, reduced=fits_ink)
        pixels, preprocessing = fit_image(
            source.image,
            self.shape,
            fit,
            oriented=source.oriented,
            model_fit=self.model_fit,
        )
        preprocessing = in_source_pixels(preprocessing, source)
        width, height = source.size
        return DecodedImage(pixels, preprocessing, width * height)

    def _decode_in_order(
        self, contents: Sequence[str | bytes], fit: Fit
    ) -> list[DecodedImage]:
        """Decode images one after the other, up to the largest number of pixels."""
        images = []
        total_pixels = 0
        max_total_pixels = self.limits.max_total_pixels
        for index, content in enumerate(contents):
            try:
                if total_pixels >= max_total_pixels:
                    raise too_many_pixels(total_pixels, max_total_pixels)
                image = self.decode_one(content, fit)
            except ImageError as error:
                error.index = index
                raise
            images.append(image)
            total_pixels += image.source_pixels
        return images

    def count_pixels(self, contents: Sequence[str | bytes]) -> int:
        """Return the pixels that ``decode`` would decode, by the files' headers.

        What cannot be decoded counts for nothing: ``decode`` rejects it.
        """
        total = 0
        for content in contents:
            with suppress(ImageError, *DECODING_ERRORS):
                self._check_size(content)
                width, height = measure(to_bytes(content))
                total += min(width * height, self.limits.max_pixels)
        return min(total, self.limits.max_total_pixels + self.limits.max_pixels)

    def _check_size(self, content: object) -> None:
        """Raise ImageError unless the content is text or bytes and short enough."""
        if not isinstance(content, (str, bytes)):
            raise ImageError("must be a string, a base64 PNG, JPEG, WebP, BMP or GIF")
        limit = self.limits.max_bytes
        form = ""
        if isinstance(content, str):
            limit = self.limits.max_characters
            form = " of base64"
        if len(content) > limit:
            raise ImageError(
                f"must have at most {limit} bytes{form} (VAE_MAX_IMAGE_BYTES); "
                f"has {len(content)}"
            )

    def _decode_plain(self, contents: Sequence[str | bytes], fit: Fit) -> Pixels | None:
        """Decode plain PNGs together; None if any item is not one or is fitted."""
        try:
            files = [to_bytes(content) for content in contents]
        except ImageError:
            return None
        pixels = self._plain_png_reader.read_all(files)
        if pixels is None:
            return None
        if self._fits_ink(fit) and any_needs_fit(pixels):
            return None
        return pixels

    def _fits_ink(self, fit: Fit) -> bool:
        return fit == "auto" and self.model_fit.method == "ink"


def in_source_pixels(changes: Preprocessing, source: SourceImage) -> Preprocessing:
    """Return changes with a box in the pixels of the file."""
    if changes.cropped is None:
        return changes
    shape = (source.image.height, source.image.width)
    box = scale_box(changes.cropped, shape, source.size)
    return replace(changes, cropped=box)


def needs_fit(pixels: Pixels) -> bool:
    """Return whether grey pixels may be blank, or have dark ink.

    Light ink on dark paper leaves the corners dark. This is checked for every image, in
    a microsecond.
    """
    levels = pixels.tobytes()
    width = pixels.shape[2]
    upper = max(levels[0], levels[width - 1])
    lower = max(levels[-width], levels[-1])
    is_bright = max(upper, lower) > MAX_CORNER
    return is_bright or not levels.translate(None, FAINT)


def any_needs_fit(images: Pixels) -> bool:
    """Return whether any of grey images (count, 1, height, width) ``needs_fit``.

    For 64 digits it takes a tenth of the time of one after the other.
    """
    corners = images[..., [0, 0, -1, -1], [0, -1, 0, -1]]
    strongest = images.max(axis=(1, 2, 3))
    return bool(corners.max() > MAX_CORNER or strongest.min() < MIN_CONTRAST)


def too_many_pixels(pixels: int, limit: int) -> ImageError:
    """Return the error for an image after images with this number of pixels."""
    setting = f"{LARGEST_IMAGES} times VAE_MAX_IMAGE_PIXELS"
    return ImageError(
        f"comes after images of {pixels} pixels; the limit is {limit} ({setting})"
    )


def to_bytes(content: str | bytes) -> bytes:
    """Return a file's bytes, decoded from base64 if it is a string."""
    return decode_base64(content) if isinstance(content, str) else content


def base64_text(content: bytes) -> str:
    """Return bytes as base64 without line breaks."""
    return binascii.b2a_base64(content, newline=False).decode("ascii")


def decode_base64(text: str) -> bytes:
    """Return the bytes of standard, padded base64 without line breaks.

    A data URI's prefix is allowed. Raises ImageError.
    """
    if text.startswith("data:"):
        prefix, _, text = text.partition(",")
        if not prefix.endswith(";base64"):
            raise ImageError("a data URI without base64")
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError as error:
        reason = "not base64 (standard alphabet, padded, no line breaks)"
        raise ImageError(reason) from error


@dataclass(frozen=True, slots=True)
class ImageGrid:
    """Images and their layout on a contact sheet.

    Attributes:
        images: uint8 (count, channels, height, width).
        columns: Number of images in a row.
    """

    images: Pixels
    columns: int


def image_grid(
    pixels: UnitPixels, columns: int | None = None, *, scale: int = 1
) -> ImageGrid:
    """Return pixels (count, channels, height, width) in [0, 1] as a grid of images.

    Pixels are clipped, rounded, and repeated to ``scale`` x ``scale`` pixels. By default
    the grid is about as high as wide; it is never wider than its images.
    """
    levels = pixels.clip(ZERO, ONE) * WHITE_LEVEL
    images = np.rint(levels).astype(np.uint8)
    count = len(images)
    if columns is None:
        columns = math.ceil(math.sqrt(count))
    return ImageGrid(upscale(images, scale), min(columns, count))


def upscale(images: Pixels, scale: int) -> Pixels:
    """Return images with each pixel repeated to ``scale`` x ``scale`` pixels."""
    if scale == 1:
        return images
    per_part = max(1, MAX_REPEATED_BYTES // (images[0].nbytes * scale**2))
    if len(images) <= per_part:
        return images.repeat(scale, axis=3).repeat(scale, axis=2)
    parts = [
        upscale(images[start : start + per_part], scale)
        for start in range(0, len(images), per_part)
    ]
    return np.concatenate(parts)


def contact_sheet(grid: ImageGrid) -> Pixels:
    """Return the grid as one image (1, channels, height, width), row by row.

    There are no gaps; cells without an image are black.
    """
    count, channels, height, width = grid.images.shape
    columns = grid.columns
    rows = math.ceil(count / columns)
    shape = (rows * columns, channels, height, width)
    cells = np.zeros(shape, np.uint8)
    cells[:count] = grid.images
    cells = cells.reshape(rows, columns, channels, height, width)
    sheet = cells.transpose(2, 0, 3, 1, 4)
    sheet_height = rows * height
    sheet_width = columns * width
    return sheet.reshape(1, channels, sheet_height, sheet_width)


def base64_pngs(grid: ImageGrid) -> list[str]:
    """Return each image of a grid as an 8-bit PNG in base64."""
    return [base64_text(content) for content in write_pngs(grid.images)]
