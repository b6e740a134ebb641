"""The service and training make the same pixels of the same file, to the bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from service.imaging.codec import ImageCodec, ImageLimits
from service.imaging.pixels import RESAMPLING_FILTERS, ImageShape
from service.imaging.preprocessing import ModelFit
from tests.training.data.folders import encode
from training.artifact.data_card import describe_images
from training.data.image_format import Fit, ImageFormat
from training.data.picture import Pixels, fit_picture
from training.data.picture_file import open_picture

LIMITS = ImageLimits(max_bytes=10**6, max_pixels=10**6)
# Modes that each format can have, of those that the service reads.
MODES = {
    "PNG": ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"],
    "JPEG": ["L", "RGB", "CMYK"],
    "WEBP": ["RGB", "RGBA"],
    "BMP": ["1", "L", "P", "RGB", "RGBA"],
    "GIF": ["1", "L", "P", "RGBA"],
}
FITS: list[Fit] = ["stretch", "pad", "crop"]
SIDES = st.one_of(st.just(28), st.just(32), st.integers(1, 90))
FILES = st.sampled_from([(name, mode) for name in MODES for mode in MODES[name]])


def random_picture(mode: str, size: tuple[int, int], seed: int) -> Image.Image:
    """Return a picture of blurred noise, also in its alpha channel."""
    random = np.random.default_rng(seed)
    width, height = size
    if mode == "I;16":
        levels = random.integers(0, 2**16, (height, width), np.uint16)
        return Image.fromarray(levels)
    colors = random.integers(0, 256, (height, width, 4), np.uint8)
    image = Image.fromarray(colors)
    return image if mode == "RGBA" else image.convert("RGB").convert(mode)


def served(content: bytes, image_format: ImageFormat) -> Pixels:
    """Return a file's pixels in the service, set up by a card of the format."""
    card = describe_images(image_format)
    image, fit = card["image"], card["fit"]
    shape = ImageShape(image["channels"], image["height"], image["width"])
    model_fit = ModelFit(
        fit["method"],
        tuple(fit["background"]),
        RESAMPLING_FILTERS[fit["resampling"]],
    )
    codec = ImageCodec(shape, LIMITS, model_fit)
    return codec.decode_one(content, "auto").pixels


def trained(content: bytes, image_format: ImageFormat) -> Pixels:
    """Return a file's pixels in training."""
    with open_picture(content) as image:
        return fit_picture(image, image_format)


@settings(max_examples=600)
@given(
    file=FILES,
    size=st.tuples(SIDES, SIDES),
    fit=st.sampled_from(FITS),
    background=st.one_of(
        st.tuples(st.integers(0, 255)),
        st.tuples(*[st.integers(0, 255)] * 3),
    ),
    orientation=st.integers(0, 9),
    seed=st.integers(0, 100),
)
def test_service_and_training_agree(
    file: tuple[str, str],
    size: tuple[int, int],
    fit: Fit,
    background: tuple[int, ...],
    orientation: int,
    seed: int,
) -> None:
    """For any format, mode, size, orientation, transparency, fit and background."""
    name, mode = file
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    options = {"exif": exif.tobytes()} if name in {"PNG", "JPEG", "WEBP"} else {}
    content = encode(random_picture(mode, size, seed), name, **options)
    image_format = ImageFormat(len(background), 28, 32, fit, background)

    assert np.array_equal(served(content, image_format), trained(content, image_format))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
@pytest.mark.parametrize("name", ["PNG", "GIF"])
def test_a_transparent_colour_agrees(mode: str, name: str) -> None:
    """Formats without alpha may have one transparent colour."""
    image = random_picture(mode, (40, 30), seed=0)
    color = (9, 9, 9) if mode == "RGB" else 1
    image.putpixel((3, 3), color)
    content = encode(image, name, transparency=color if name == "PNG" else 1)
    image_format = ImageFormat(3, 28, 32, "pad", (200, 100, 0))

    assert np.array_equal(served(content, image_format), trained(content, image_format))


@pytest.mark.parametrize("name", ["PNG", "GIF", "WEBP"])
def test_the_first_frame_agrees(name: str) -> None:
    """Animations are read up to their first frame."""
    frames = [random_picture("RGB", (40, 30), seed) for seed in range(3)]
    content = encode(frames[0], name, save_all=True, append_images=frames[1:])
    image_format = ImageFormat(3, 28, 32, "crop", (0, 0, 0))

    assert np.array_equal(served(content, image_format), trained(content, image_format))
