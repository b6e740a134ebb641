"""Any picture of a digit comes to the model's size as MNIST's came to theirs; what has no digit is refused."""

import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageOps

from service.imaging.errors import ImageError
from service.imaging.fit import UNTOUCHED, Preprocessing, fit_image
from service.imaging.reader import read_image
from tests.samples import DATA, png
from tests.service.imaging.test_formats import file_of
from training.data.idx import parse_idx

Grey = NDArray[np.uint8]
SIDE = 28
FILE = DATA / "t10k-images-idx3-ubyte.gz"
DIGITS = parse_idx(gzip.decompress(FILE.read_bytes()), FILE)


def fit(
    image: Image.Image, how: str = "auto", height: int = SIDE, width: int = SIDE
) -> tuple[Grey, Preprocessing]:
    """A picture in the model's size."""
    return fit_image(image, height, width, how, oriented=False)


def drawn(
    digit: Grey, times: int, margins: tuple[int, int, int, int], paper: int = 0
) -> Image.Image:
    """A digit enlarged, with margins, on paper of that grey level."""
    large = Image.fromarray(digit).resize(
        (SIDE * times, SIDE * times), Image.Resampling.NEAREST
    )
    image = ImageOps.expand(large, margins)
    return Image.eval(image, lambda level: abs(paper - level))


def difference(first: Grey, second: Grey) -> float:
    """Mean squared difference in [0, 1] where the first may be moved by a pixel: a centre can fall between two."""
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
def test_a_digit_drawn_larger_comes_back(
    paper: int, number: int, times: int, margins: tuple[int, int, int, int]
) -> None:
    """Nearly as it was, wherever it lies on the paper, and whether paper or ink is the darker."""
    digit = DIGITS[number]
    pixels, fitted = fit(drawn(digit, times, margins, paper))

    assert difference(pixels, digit) < 0.01
    assert fitted.inverted == (paper == 255)


@pytest.mark.parametrize("how", ["auto", "resize", "none"])
def test_an_image_of_the_models_size_is_not_touched(how: str) -> None:
    """Dark on light or not: it is taken at its word."""
    for image in (
        Image.fromarray(DIGITS[0]),
        ImageOps.invert(Image.fromarray(DIGITS[0])),
    ):
        pixels, fitted, _ = read_image(png(image.convert("RGB")), SIDE, SIDE, 1000, how)

        assert np.array_equal(pixels, np.asarray(image))
        assert fitted == UNTOUCHED


def test_it_is_told_what_was_done() -> None:
    """The part with the ink, in the picture's pixels, and the size that it was scaled to."""
    image = Image.new("L", (300, 200), 255)
    image.paste(0, (50, 20, 110, 170))
    pixels, fitted = fit(image)

    assert fitted == Preprocessing(
        inverted=True, cropped=(50, 20, 110, 170), scaled=(8, 20)
    )
    assert np.argwhere(pixels > 200).min(axis=0).tolist() == [4, 10]
    assert np.argwhere(pixels > 200).max(axis=0).tolist() == [23, 17]


def test_faint_ink_and_thin_lines_become_white() -> None:
    """A pencil on grey paper, a hair's breadth of it."""
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
def test_alpha_is_laid_over_paper(ink: str, background: str | None) -> None:
    """A drawing without paper gets one that it can be seen on; the colour behind what is transparent is not seen."""
    alpha = drawn(DIGITS[0], 4, (9, 9, 9, 9))
    image = Image.new("RGBA", alpha.size, ink)
    image.putalpha(alpha)
    if background:
        image = Image.alpha_composite(Image.new("RGBA", alpha.size, background), image)
    pixels, fitted = fit(image)

    assert difference(pixels, DIGITS[0]) < 0.01
    assert fitted.inverted == (ink == "black")


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
def test_a_blank_picture_is_refused(image: Image.Image) -> None:
    """White, black, transparent, of one pixel, and white with noise."""
    with pytest.raises(ImageError, match="a blank picture"):
        fit(image)


def test_specks_far_apart_are_no_digit() -> None:
    """Nothing is left of them in the model's size."""
    image = Image.new("L", (1500, 1500))
    image.putpixel((10, 10), 255)
    image.putpixel((1490, 1490), 255)

    with pytest.raises(ImageError, match="little is left in 20 x 20 pixels"):
        fit(image)


def test_resize_only_scales() -> None:
    """Nothing is cropped or inverted."""
    image = ImageOps.invert(drawn(DIGITS[0], 3, (0, 0, 0, 0)))
    pixels, fitted = fit(image, "resize")

    assert np.abs(pixels.astype(int) - (255 - DIGITS[0])).max() <= 40
    assert fitted == Preprocessing(scaled=(SIDE, SIDE))


def test_none_refuses_other_sizes() -> None:
    """With both sizes."""
    with pytest.raises(ImageError, match="30 x 20 pixels; the model takes 28 x 28"):
        fit(Image.new("L", (30, 20)), "none")


@given(
    st.integers(1, 60),
    st.integers(1, 60),
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(0, 2**32),
)
def test_any_picture_fits_any_model(
    height: int, width: int, rows: int, columns: int, seed: int
) -> None:
    """To the model's size, or it is refused as blank."""
    levels = (
        np.random.default_rng(seed).integers(0, 256, (height, width)).astype(np.uint8)
    )
    try:
        pixels, _ = fit(Image.fromarray(levels), "auto", rows, columns)
    except ImageError as error:
        assert "blank" in str(error)  # noqa: PT017 - it may be
    else:
        assert pixels.shape == (rows, columns)


def test_a_photograph_is_fitted_within_its_time() -> None:
    """Of the most pixels."""
    image = Image.fromarray(DIGITS[0]).resize((2000, 2000), Image.Resampling.BICUBIC)
    pixels = read_image(file_of(image, "JPEG"), SIDE, SIDE, 4_000_000, "auto").pixels

    assert difference(pixels, DIGITS[0]) < 0.02
