"""Pictures of any mode, size and orientation in a data set's format."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import ExifTags, Image

from tests.training.data.folders import encode, picture
from training.data.image_format import Fit, ImageFormat
from training.data.picture import Pixels, fit_picture
from training.data.picture_file import open_picture

GREY = ImageFormat(1, 28, 32, "stretch", (0,))
COLOR = ImageFormat(3, 28, 32, "stretch", (0, 0, 0))
SIZE = (32, 28)
WHITE = 255
# From a picture upright to the picture as stored, by EXIF's orientation.
STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def decoded(content: bytes, image_format: ImageFormat) -> Pixels:
    """Return a file's pixels in a format."""
    with open_picture(content) as image:
        return fit_picture(image, image_format)


@pytest.mark.parametrize("image_format", [GREY, COLOR])
@pytest.mark.parametrize("fit", ["stretch", "pad", "crop"])
@pytest.mark.parametrize("size", [(1, 1), (300, 2), (2, 300), (31, 29), SIZE])
@pytest.mark.parametrize(
    ("mode", "name"),
    [
        ("1", "PNG"),
        ("L", "PNG"),
        ("LA", "PNG"),
        ("P", "GIF"),
        ("RGB", "WEBP"),
        ("RGBA", "PNG"),
        ("CMYK", "TIFF"),
        ("YCbCr", "TIFF"),
        ("LAB", "TIFF"),
        ("I", "TIFF"),
        ("F", "TIFF"),
        ("I;16", "PNG"),
    ],
)
def test_each_mode_and_size_gets_the_format(
    image_format: ImageFormat, fit: Fit, size: tuple[int, int], mode: str, name: str
) -> None:
    """Whatever a file holds, its pixels are uint8 of the format's shape."""
    image = Image.new(mode, size)

    pixels = decoded(encode(image, name), replace(image_format, fit=fit))

    assert pixels.shape == image_format.shape
    assert pixels.dtype == np.uint8


def test_a_picture_of_the_size_is_not_changed() -> None:
    """Pixels of the right size and colours stay exact."""
    image = picture(0, SIZE, "RGB")

    pixels = decoded(encode(image, "PNG"), COLOR)

    assert np.array_equal(pixels, np.asarray(image).transpose(2, 0, 1))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_picture_is_turned_as_its_exif_data_say(orientation: int, name: str) -> None:
    """The bright corner is where the photographer saw it: at the top left."""
    scene = np.zeros((28, 32), np.uint8)
    scene[:14, :16] = WHITE
    stored = Image.fromarray(scene)
    if orientation in STORED:
        stored = stored.transpose(STORED[orientation])
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation

    pixels = decoded(encode(stored, name, exif=exif.tobytes()), GREY)

    differences = pixels[0].astype(int) - scene
    assert np.abs(differences).max() < 20  # JPEG's and WebP's losses


@pytest.mark.parametrize("exif", [b"", b"II", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"])
def test_unreadable_exif_data_are_ignored(exif: bytes) -> None:
    """A picture with damaged metadata is read as it is stored."""
    image = Image.new("L", SIZE, 9)

    pixels = decoded(encode(image, "PNG", exif=exif), GREY)

    assert np.all(pixels == 9)


@pytest.mark.parametrize("mode", ["LA", "RGBA", "P"])
def test_transparent_parts_show_the_background(mode: str) -> None:
    """Alpha is composed over the format's background, not over black."""
    image = Image.new("RGBA", SIZE, (200, 200, 200, 0)).convert(mode)
    image_format = replace(COLOR, background=(10, 20, 30))

    pixels = decoded(encode(image, "PNG"), image_format)

    assert pixels[:, 3, 3].tolist() == [10, 20, 30]


def test_alpha_mixes_picture_and_background() -> None:
    """Half-transparent white on black is grey."""
    image = Image.new("LA", SIZE, (WHITE, 128))

    assert set(decoded(encode(image, "PNG"), GREY).flat) == {128}


@pytest.mark.parametrize(
    ("mode", "level", "expected"),
    [
        ("I;16", 65535, 255),
        ("I;16", 257 * 100 + 128, 100),
        ("I;16", 257 * 100 + 129, 101),
        ("I", 257 * 7, 7),
        ("I", 10**6, 255),
        ("I", -5, 0),
        ("F", 0.5, 128),
        ("F", 100.0, 100),
        ("F", 1e9, 255),
        ("F", float("nan"), 0),
    ],
)
def test_levels_of_other_depths_are_scaled(
    mode: str, level: float, expected: int
) -> None:
    """16 bits are rounded to 8; floats range to 1 or to 255; the rest is clipped."""
    image = Image.new(mode, SIZE, level)

    assert set(fit_picture(image, GREY).flat) == {expected}


def test_the_first_frame_of_an_animation_is_read() -> None:
    """Later frames are ignored."""
    frames = [Image.new("L", SIZE, level) for level in (50, 100)]
    content = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])

    assert set(decoded(content, GREY).flat) == {50}


def test_padding_keeps_the_ratio_and_is_centred() -> None:
    """A flat picture has the background above and below, one row more below."""
    image = Image.new("L", (64, 34), WHITE)

    pixels = fit_picture(image, replace(GREY, fit="pad", background=(7,)))[0]

    rows = pixels[:, 0].tolist()
    assert rows == [7] * 5 + [WHITE] * 17 + [7] * 6


def test_cropping_takes_the_middle() -> None:
    """What is cut off on the left is as wide as on the right."""
    levels = np.zeros((28, 64), np.uint8)
    levels[:, 16:48] = WHITE
    image = Image.fromarray(levels)

    assert np.all(fit_picture(image, replace(GREY, fit="crop")) == WHITE)
