"""A picture has the same pixels in the service as in training, to the bit."""

import io
import struct
from collections.abc import Iterator
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image

from service.imaging.codec import ImageCodec, ImageLimits
from service.imaging.pixels import Color, ImageShape, Pixels
from service.imaging.preprocessing import FitMethod, ModelFit
from tests.service.imaging.test_formats import file_of
from training.data.image_format import ImageFormat
from training.data.picture import fit_picture
from training.data.picture_file import open_picture

HEIGHT, WIDTH = 20, 24
LIMITS = ImageLimits(max_bytes=2**24, max_pixels=2**22)
MODES = {
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "JPEG": ("L", "RGB", "CMYK"),
    "WEBP": ("RGB", "RGBA"),
    "BMP": ("1", "L", "P", "RGB"),
    "GIF": ("1", "L", "P", "RGB"),
}
# The model's, one pixel, narrow, wide, near to the model's, large.
SIZES = [(WIDTH, HEIGHT), (1, 1), (3, 200), (301, 2), (25, 19), (640, 433)]
FITS: list[FitMethod] = ["stretch", "pad", "crop"]
BACKGROUNDS: list[Color] = [(0,), (200,), (0, 0, 0), (10, 120, 250)]


def made(mode: str, size: tuple[int, int], seed: int) -> Image.Image:
    """Return random, smooth colors with random transparency, in a mode."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (5, 4, 4), dtype=np.uint8)
    image = Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)
    if mode == "I;16":
        levels = random.integers(0, 65536, (size[1], size[0]), dtype=np.uint16)
        return Image.fromarray(levels)
    if mode in {"1", "L", "P", "RGB", "CMYK"}:
        image = image.convert("RGB")
    return image.convert(mode)


def in_service(
    content: bytes, fit: FitMethod, background: Color
) -> tuple[Pixels, Pixels]:
    """Return the pixels of a file as a request has them, as base64 and as bytes."""
    shape = ImageShape(len(background), HEIGHT, WIDTH)
    model_fit = ModelFit(fit, background, Image.Resampling.LANCZOS)
    codec = ImageCodec(shape, LIMITS, model_fit)
    first, second = codec.decode([content, content], "auto")
    return first.pixels, second.pixels


def in_training(content: bytes, fit: FitMethod, background: Color) -> Pixels:
    """Return the pixels of a file as training has them."""
    image_format = ImageFormat(len(background), HEIGHT, WIDTH, fit, background)
    with open_picture(content) as image:
        return fit_picture(image, image_format)


def check(content: bytes, fit: FitMethod, background: Color) -> None:
    """Assert that the service and training agree on a file."""
    expected = in_training(content, fit, background)
    for pixels in in_service(content, fit, background):
        assert pixels.dtype == expected.dtype
        assert np.array_equal(pixels, expected)


def files() -> Iterator[tuple[str, str, tuple[int, int]]]:
    """Return each format with each of its modes and each size."""
    for name, modes in MODES.items():
        for mode, size in product(modes, SIZES):
            yield name, mode, size


@pytest.mark.parametrize(("name", "mode", "size"), list(files()))
def test_each_format_mode_and_size_agrees(
    name: str, mode: str, size: tuple[int, int]
) -> None:
    """For each fit, in grey and in color, on each background."""
    content = file_of(made(mode, size, len(mode)), name)
    for fit, background in product(FITS, BACKGROUNDS):
        check(content, fit, background)


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP"])
def test_each_orientation_agrees(name: str, orientation: int) -> None:
    """Also 0 and 9, which mean nothing."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    image = made("RGB", (37, 21), orientation)
    content = file_of(image, name, exif=exif.tobytes())
    for fit, background in product(FITS, BACKGROUNDS):
        check(content, fit, background)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("kind", "code"), [(3, "HH"), (4, "I"), (2, "4s"), (12, "I")])
@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP"])
def test_each_type_of_orientation_agrees(
    name: str, kind: int, code: str, order: str
) -> None:
    """16 or 32 bits, of either byte order; text and doubles mean nothing."""
    value = [b"6"] if code == "4s" else [6, 0][: len(code)]
    signature = b"II*\0" if order == "<" else b"MM\0*"
    directory = struct.pack(f"{order}IHHHI{code}I", 8, 1, 0x0112, kind, 1, *value, 0)
    content = file_of(
        made("RGB", (37, 21), kind), name, exif=b"Exif\0\0" + signature + directory
    )
    check(content, "stretch", (0,))


@pytest.mark.parametrize("mode", ["L", "P", "RGB"])
def test_a_transparent_color_agrees(mode: str) -> None:
    """A PNG may name one color or palette index that is transparent."""
    image = made(mode, (31, 40), 7)
    transparent = image.getpixel((3, 3))
    content = file_of(image, "PNG", transparency=transparent)
    with Image.open(io.BytesIO(content)) as reopened:
        assert reopened.has_transparency_data
    for fit, background in product(FITS, BACKGROUNDS):
        check(content, fit, background)


@pytest.mark.parametrize("name", ["GIF", "WEBP", "PNG"])
def test_the_first_frame_of_an_animation_agrees(name: str) -> None:
    """Later frames are ignored."""
    frames = [made("RGB", (50, 30), seed) for seed in range(3)]
    content = file_of(frames[0], name, save_all=True, append_images=frames[1:])
    for fit, background in product(FITS, BACKGROUNDS):
        check(content, fit, background)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_each_kind_of_jpeg_agrees(subsampling: int, *, progressive: bool) -> None:
    """The decoder must not reduce a large picture: that changes its pixels."""
    image = made("RGB", (1200, 900), subsampling)
    content = file_of(image, "JPEG", subsampling=subsampling, progressive=progressive)
    for fit, background in product(FITS, BACKGROUNDS):
        check(content, fit, background)


@given(
    st.sampled_from([(name, mode) for name in MODES for mode in MODES[name]]),
    st.tuples(st.integers(1, 90), st.integers(1, 90)),
    st.integers(0, 2**32 - 1),
    st.sampled_from(FITS),
    st.sampled_from(BACKGROUNDS),
)
def test_any_picture_agrees(
    kind: tuple[str, str],
    size: tuple[int, int],
    seed: int,
    fit: FitMethod,
    background: Color,
) -> None:
    """This holds for any size, content, fit and background."""
    name, mode = kind
    content = file_of(made(mode, size, seed), name)
    check(content, fit, background)
