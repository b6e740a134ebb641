"""Ink is fitted to the model's size as MNIST's digits were; no blank image is."""

import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageOps

from service.imaging.codec import ImageCodec, ImageLimits
from service.imaging.errors import ImageError
from service.imaging.pixels import ImageShape
from service.imaging.plain_png import write_pngs
from service.imaging.preprocessing import (
    UNCHANGED,
    Fit,
    ModelFit,
    Preprocessing,
    fit_image,
)
from tests.samples import DATA, png
from tests.service.imaging.test_formats import file_of
from training.data.idx import parse_idx

Grey = NDArray[np.uint8]  # (height, width)
SIDE = 28
SHAPE = ImageShape(1, SIDE, SIDE)
CODEC = ImageCodec(SHAPE, ImageLimits(max_bytes=2**24, max_pixels=1000))
FITS: list[Fit] = ["auto", "resize", "none"]
FILE = DATA / "t10k-images-idx3-ubyte.gz"
DIGITS = parse_idx(gzip.decompress(FILE.read_bytes()), FILE)


def fit(
    image: Image.Image, how: Fit = "auto", height: int = SIDE, width: int = SIDE
) -> tuple[Grey, Preprocessing]:
    """Return an image's grey levels (height, width), and the changes made to it."""
    shape = ImageShape(1, height, width)
    (grey,), preprocessing = fit_image(image, shape, how, oriented=False)
    return grey, preprocessing


def drawn(
    digit: Grey, times: int, margins: tuple[int, int, int, int], paper: int = 0
) -> Image.Image:
    """Return a digit, enlarged, with margins, on paper of that grey level."""
    large = Image.fromarray(digit).resize(
        (SIDE * times, SIDE * times), Image.Resampling.NEAREST
    )
    image = ImageOps.expand(large, margins)
    return Image.eval(image, lambda level: abs(paper - level))


def difference(first: Grey, second: Grey) -> float:
    """Return the mean squared difference in [0, 1].

    The first may be moved by a pixel, because a centre can fall between two.
    """
    moved = [
        np.roll(first, (down, right), (0, 1))
        for down in (-1, 0, 1)
        for right in (-1, 0, 1)
    ]
    return min(float(((image / 255 - second / 255) ** 2).mean()) for image in moved)


margin = st.integers(0, 150)


@given(
    st.integers(0, len(DIGITS) - 1),
    st.integers(2, 9),
    st.tuples(margin, margin, margin, margin),
)
@pytest.mark.parametrize("paper", [0, 255])
def test_an_enlarged_digit_is_recovered(
    paper: int, number: int, times: int, margins: tuple[int, int, int, int]
) -> None:
    """It is nearly the original, anywhere on paper that is dark or light."""
    digit = DIGITS[number]
    pixels, preprocessing = fit(drawn(digit, times, margins, paper))

    assert difference(pixels, digit) < 0.01
    assert preprocessing.inverted == (paper == 255)


@pytest.mark.parametrize("how", FITS)
def test_an_image_of_the_models_size_is_not_changed(how: Fit) -> None:
    """This holds for dark ink on light paper, too, unless ink is fitted."""
    light = Image.fromarray(DIGITS[0])
    images = [light] if how == "auto" else [light, ImageOps.invert(light)]
    for image in images:
        decoded = CODEC.decode_one(png(image.convert("RGB")), how)

        assert np.array_equal(decoded.pixels, np.asarray(image)[np.newaxis])
        assert decoded.preprocessing == UNCHANGED


def test_mnists_images_are_not_changed() -> None:
    """Not one pixel of any differs, alone and in a list."""
    files = write_pngs(DIGITS[:, np.newaxis])
    together = CODEC.decode(files, "auto")

    assert np.array_equal(together.pixels[:, 0], DIGITS)
    assert set(together.preprocessing) == {UNCHANGED}
    for file, digit in zip(files, DIGITS, strict=True):
        alone = CODEC.decode_one(file, "auto")
        assert np.array_equal(alone.pixels[0], digit)
        assert alone.preprocessing == UNCHANGED


@pytest.mark.parametrize("colour", [None, "black", "navy"])
def test_dark_ink_of_the_models_size_is_made_light(colour: str | None) -> None:
    """On white, not one pixel differs; ink in the alpha channel is found as well."""
    for digit in DIGITS[:200]:
        image = ImageOps.invert(Image.fromarray(digit))
        if colour is not None:
            image = Image.new("RGBA", image.size, colour)
            image.putalpha(Image.fromarray(digit))
        pixels, preprocessing = fit(image)

        assert preprocessing.inverted
        if colour is None:
            assert preprocessing == Preprocessing(inverted=True)
            assert np.array_equal(pixels, digit)
        assert difference(pixels, digit) < 0.01


def test_a_small_drawing_of_the_models_size_is_enlarged() -> None:
    """Dark ink that does not fill its share of the image is fitted."""
    small = Image.fromarray(DIGITS[0]).resize((18, 18), Image.Resampling.BOX)
    image = ImageOps.invert(ImageOps.expand(small, (2, 2, 8, 8)))
    pixels, preprocessing = fit(image)

    assert preprocessing.scaled is not None
    assert difference(pixels, DIGITS[0]) < 0.03


@pytest.mark.parametrize("level", [0, 9, 255])
def test_a_blank_image_of_the_models_size_is_rejected(level: int) -> None:
    """It is blank alone and in a list, whatever its level."""
    blank = png(Image.new("L", (SIDE, SIDE), level))
    for contents in ([blank], [png(Image.fromarray(DIGITS[0])), blank]):
        with pytest.raises(ImageError, match="a blank image") as raised:
            CODEC.decode(contents, "auto")

        assert raised.value.index == len(contents) - 1
        assert len(CODEC.decode(contents, "none").pixels) == len(contents)


def test_the_changes_are_reported() -> None:
    """They are the ink's box, in the image's pixels, and its size after scaling."""
    image = Image.new("L", (300, 200), 255)
    image.paste(0, (50, 20, 110, 170))
    pixels, preprocessing = fit(image)

    assert preprocessing == Preprocessing(
        inverted=True,
        cropped=(50, 20, 110, 170),
        scaled=(8, 20),
        confidence=preprocessing.confidence,
    )
    assert preprocessing.confidence is not None
    assert np.argwhere(pixels > 200).min(axis=0).tolist() == [4, 10]
    assert np.argwhere(pixels > 200).max(axis=0).tolist() == [23, 17]


def test_faint_ink_and_thin_lines_become_white() -> None:
    """The ink is a thin pencil line on grey paper."""
    image = Image.new("L", (600, 600), 200)
    image.paste(150, (300, 100, 304, 500))
    pixels, _ = fit(image)

    assert pixels.max() == 255
    assert (pixels.max(axis=1) > 200).sum() == 20


@pytest.mark.parametrize(
    ("ink", "background"),
    [
        ("black", None),
        ("white", None),
        ("black", "white"),
        ("white", "black"),
        ("black", "grey"),
        ("white", "grey"),
    ],
)
def test_a_transparent_image_is_laid_over_paper(
    ink: str, background: str | None
) -> None:
    """The paper contrasts with the ink; the colour of transparent pixels is ignored."""
    alpha = drawn(DIGITS[0], 4, (9, 9, 9, 9))
    image = Image.new("RGBA", alpha.size, ink)
    image.putalpha(alpha)
    if background:
        image = Image.alpha_composite(Image.new("RGBA", alpha.size, background), image)
    pixels, preprocessing = fit(image)

    assert difference(pixels, DIGITS[0]) < 0.01
    assert preprocessing.inverted == (ink == "black")


@pytest.mark.parametrize(
    "image",
    [
        Image.new("L", (50, 40), 255),
        Image.new("L", (50, 40)),
        Image.new("RGBA", (50, 40)),
        Image.new("L", (1, 1), 128),
        Image.fromarray(
            np.random.default_rng(0).integers(240, 256, (40, 50)).astype(np.uint8)
        ),
    ],
)
def test_a_blank_image_is_rejected(image: Image.Image) -> None:
    """Blank are: white, black, transparent, a single pixel, and white with noise."""
    with pytest.raises(ImageError, match="a blank image"):
        fit(image)


def test_specks_far_apart_are_rejected() -> None:
    """They are too small to be a drawing."""
    image = Image.new("L", (1500, 1500))
    image.paste(255, (10, 10, 16, 16))
    image.paste(255, (1490, 1490, 1496, 1496))

    with pytest.raises(ImageError, match="no ink found"):
        fit(image)


def test_resize_only_scales() -> None:
    """The image is neither cropped nor inverted."""
    image = ImageOps.invert(drawn(DIGITS[0], 3, (0, 0, 0, 0)))
    pixels, preprocessing = fit(image, "resize")

    assert np.abs(pixels.astype(int) - (255 - DIGITS[0])).max() <= 40
    assert preprocessing == Preprocessing(scaled=(SIDE, SIDE))


@pytest.mark.parametrize("how", ["auto", "resize"])
def test_an_image_in_colour_is_only_scaled(how: Fit) -> None:
    """A model of three channels gets the whole image, its channels first."""
    image = Image.new("RGB", (60, 30), (10, 200, 30))
    shape = ImageShape(3, 20, 40)
    stretch = ModelFit("stretch", (0, 0, 0), Image.Resampling.LANCZOS)
    pixels, preprocessing = fit_image(
        image, shape, how, oriented=False, model_fit=stretch
    )

    assert pixels.shape == (3, 20, 40)
    assert [np.unique(channel).tolist() for channel in pixels] == [[10], [200], [30]]
    assert preprocessing == Preprocessing(scaled=(40, 20))


def test_none_rejects_other_sizes() -> None:
    """The message has both sizes."""
    with pytest.raises(ImageError, match="30 x 20 pixels; the model takes 28 x 28"):
        fit(Image.new("L", (30, 20)), "none")


@given(
    st.integers(1, 60),
    st.integers(1, 60),
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(0, 2**32),
)
def test_any_image_fits_any_model(
    height: int, width: int, rows: int, columns: int, seed: int
) -> None:
    """It has the model's size afterwards, or is rejected: nothing is seen in noise."""
    levels = (
        np.random.default_rng(seed).integers(0, 256, (height, width)).astype(np.uint8)
    )
    try:
        pixels, _ = fit(Image.fromarray(levels), "auto", rows, columns)
    except ImageError as error:
        assert str(error).startswith(("a blank image", "no ink found"))  # noqa: PT017 - it may be
    else:
        assert pixels.shape == (rows, columns)


def test_a_photograph_is_fitted() -> None:
    """It has as many pixels as are allowed."""
    image = Image.fromarray(DIGITS[0]).resize((2000, 2000), Image.Resampling.BICUBIC)
    codec = ImageCodec(SHAPE, ImageLimits(max_bytes=2**24, max_pixels=2000 * 2000))
    decoded = codec.decode_one(file_of(image, "JPEG"), "auto")

    assert difference(decoded.pixels[0], DIGITS[0]) < 0.02
