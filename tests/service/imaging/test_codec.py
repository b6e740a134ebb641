"""Any image of a supported format is decoded; anything else is an ImageError."""

import base64
import contextlib
import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image, ImageOps

from service.imaging.codec import (
    ImageCodec,
    ImageGrid,
    ImageLimits,
    any_needs_fit,
    base64_pngs,
    needs_fit,
)
from service.imaging.errors import ImageError
from service.imaging.pixels import ImageShape
from service.imaging.plain_png import write_pngs
from service.imaging.preprocessing import UNCHANGED, Fit
from tests.samples import grey_png, pixels_of, png

RAMP = np.array([[0, 50, 100], [150, 200, 255]], dtype=np.uint8)
GREY = Image.fromarray(RAMP)
CODEC = ImageCodec(ImageShape(1, 2, 3), ImageLimits(max_bytes=2**24, max_pixels=1000))


def read(content: str | bytes, height: int, width: int) -> NDArray[np.uint8]:
    """Return the grey levels (height, width) of an image of that size."""
    codec = ImageCodec(ImageShape(1, height, width), CODEC.limits)
    image = codec.decode_one(content, "none")
    grey: NDArray[np.uint8] = image.pixels[0]
    return grey


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return a PNG chunk (RFC 2083, section 3.2)."""
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def raw_png(width: int, height: int, depth: int, colour_type: int, rows: bytes) -> str:
    """Return a PNG in base64; the rows include their filter types."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    content = (
        chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + content).decode()


def with_second_header(width: int, height: int) -> str:
    """Return a PNG of the right size by its first header, of another by its second."""
    first, second = (
        chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, 0, 0, 0, 0))
        for size in ((3, 2), (width, height))
    )
    content = (
        first + second + chunk(b"IDAT", zlib.compress(bytes(8))) + chunk(b"IEND", b"")
    )
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + content).decode()


def with_alpha(alpha: int) -> Image.Image:
    """Return the ramp with the same alpha everywhere."""
    image = GREY.convert("LA")
    image.putalpha(alpha)
    return image


@given(arrays(np.uint8, (2, 3)))
def test_pixels_are_recovered_from_pngs(pixels: NDArray[np.uint8]) -> None:
    """This holds for every grey level, for the service's PNGs and for Pillow's."""
    (content,) = write_pngs(pixels[np.newaxis, np.newaxis])
    text = base64.b64encode(content).decode()

    assert np.array_equal(read(text, 2, 3), pixels)
    assert np.array_equal(pixels_of(text), pixels)
    assert np.array_equal(read(png(Image.fromarray(pixels)), 2, 3), pixels)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (png(GREY), RAMP),
        (png(GREY.convert("RGB")), RAMP),
        (png(with_alpha(255)), RAMP),
        (png(with_alpha(255).convert("RGBA")), RAMP),
        (png(GREY.convert("P")), RAMP),
        (png(GREY.quantize(4)), np.asarray(GREY.quantize(4).convert("L"))),
        (png(Image.fromarray(RAMP.astype(np.uint16) * 257)), RAMP),
        (
            png(GREY.point(lambda level: 255 * (level > 127)).convert("1")),
            np.where(RAMP > 127, 255, 0),
        ),
        (raw_png(3, 2, 1, 0, b"\x00\xa0\x00\x40"), [[255, 0, 255], [0, 255, 0]]),
        (raw_png(3, 2, 2, 0, b"\x00\x18\x00\xe4"), [[0, 85, 170], [255, 170, 85]]),
        (
            raw_png(3, 2, 4, 0, b"\x00\x0f\x80\x00\x12\x30"),
            [[0, 255, 136], [17, 34, 51]],
        ),
        (raw_png(1, 1, 16, 0, b"\x00\x80\x7f"), [[128]]),
        (raw_png(1, 1, 16, 0, b"\x00\x00\x81"), [[1]]),
        (raw_png(1, 1, 16, 2, b"\x00" + b"\xff\xff" * 3), [[255]]),
        (raw_png(1, 1, 16, 4, b"\x00\xff\xff\xff\xff"), [[255]]),
        (raw_png(1, 1, 16, 6, b"\x00" + b"\xff\xff" * 4), [[255]]),
    ],
)
def test_every_depth_and_colour_type_is_converted_to_grey(
    text: str, expected: NDArray[np.uint8]
) -> None:
    """Depths are 1, 2, 4, 8 and 16 bits; types are grey, colour, palette and alpha."""
    expected = np.asarray(expected)
    assert read(text, *expected.shape).tolist() == expected.tolist()


def test_transparent_pixels_are_black() -> None:
    """A pixel shows as much as its alpha covers."""
    assert read(png(with_alpha(0)), 2, 3).max() == 0
    assert abs(int(read(png(with_alpha(128)), 2, 3).max()) - 128) <= 1


@pytest.mark.parametrize(("colour_type", "samples"), [(0, 1), (2, 3)])
def test_no_colour_of_16_bits_is_transparent(colour_type: int, samples: int) -> None:
    """Neither the named colour is, nor one whose high 8 bits are its low 8 bits."""
    named, other = b"\xc3\x50", b"\x50\x50"
    text = raw_png(2, 1, 16, colour_type, b"\0" + named * samples + other * samples)
    content = base64.b64decode(text)
    place = content.index(b"IDAT") - 4
    marked = content[:place] + chunk(b"tRNS", named * samples) + content[place:]

    assert read(base64.b64encode(marked).decode(), 1, 2).tolist() == [[0xC3, 0x50]]


@pytest.mark.parametrize(
    ("depth", "pixels", "shown"), [(1, 0xA0, 0xFF), (2, 0x98, 0xAA), (4, 0xA5, 0xAA)]
)
def test_a_transparent_grey_of_any_depth_is_black(
    depth: int, pixels: int, shown: int
) -> None:
    """The first pixel has the transparent grey, of few bits; the second has another."""
    content = base64.b64decode(raw_png(2, 1, depth, 0, bytes([0, pixels])))
    place = content.index(b"IDAT") - 4
    marked = (
        content[:place]
        + chunk(b"tRNS", bytes([0, pixels >> (8 - depth)]))
        + content[place:]
    )

    before, after = (
        read(base64.b64encode(each).decode(), 1, 2)[0].tolist()
        for each in (content, marked)
    )
    assert before[0] == shown
    assert after == [0, before[1]]


@pytest.mark.parametrize("transparent", [b"", b"\0", b"\0\0\0"])
def test_a_transparent_grey_has_two_bytes(transparent: bytes) -> None:
    """Any other length is damage."""
    content = base64.b64decode(raw_png(2, 1, 4, 0, bytes(2)))
    place = content.index(b"IDAT") - 4
    marked = content[:place] + chunk(b"tRNS", transparent) + content[place:]
    with pytest.raises(ImageError, match="damaged or truncated"):
        read(base64.b64encode(marked).decode(), 1, 2)


@pytest.mark.parametrize(
    "text",
    [
        png(GREY.convert("RGB")),
        png(GREY.convert("1")),
        png(GREY.resize((2, 3))),
        raw_png(3, 2, 8, 0, bytes(range(256))),
    ],
    ids=["colour", "one bit", "another size", "longer"],
)
def test_an_image_that_takes_longer_to_decode_is_not_plain(text: str) -> None:
    """Neither is a list with one such image, as a text or a file."""
    assert CODEC.are_plain([png(GREY)])
    for content in (text, base64.b64decode(text), None):
        assert not CODEC.are_plain([png(GREY), content])


@pytest.mark.parametrize(
    "prefix",
    ["data:image/png;base64,", "data:;base64,", "data:image/png;charset=utf-8;base64,"],
)
def test_a_data_uri_is_decoded(prefix: str) -> None:
    """The text of a browser's canvas can be sent unchanged."""
    assert read(prefix + png(GREY), 2, 3).tolist() == RAMP.tolist()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not a PNG"),
        ("A", "not base64"),
        ("AAA", "not base64"),
        ("=" * 8, "not base64"),
        (png(GREY) + "\n", "not base64"),
        (png(GREY).replace("i", "é", 1), "not base64"),
        ("data:image/png," + png(GREY), "a data URI without base64"),
        ("data:image/png;base64", "not a PNG"),
        ("https://example.com/digit.png", "not base64"),
        ("file:///etc/passwd", "not base64"),
        (base64.b64encode(b"\x89PNG\r\n\x1a\n").decode(), "a damaged or truncated PNG"),
        (grey_png([[0, 1], [2, 3], [4, 5]]), "2 x 3 pixels; the model takes 3 x 2"),
        (raw_png(100_000, 100_000, 8, 0, b""), "100000 x 100000 pixels"),
        (raw_png(0, 0, 8, 0, b""), "0 x 0 pixels"),
        (raw_png(3, 2, 8, 0, b"\x00\x01"), "damaged or truncated"),
        (raw_png(3, 2, 7, 0, b"\x00" * 8), "damaged or truncated"),
        (raw_png(3, 2, 8, 9, b"\x00" * 8), "damaged or truncated"),
        (raw_png(3, 2, 8, 0, b"\x09" * 8), "damaged or truncated"),
        (raw_png(3, 2, 8, 3, b"\x00" * 8), "without its palette"),
        (raw_png(900, 1, 8, 3, b"\x00" * 901), "without its palette"),
        (png(GREY)[:64], "damaged or truncated"),
        (with_second_header(2, 3), "damaged or truncated"),
        (with_second_header(12_000, 12_000), "damaged or truncated"),
        (with_second_header(100_000, 100_000), "damaged or truncated"),
    ],
)
def test_any_other_content_is_rejected_with_its_reason(text: str, reason: str) -> None:
    """No text is used as an address; sizes are rejected before anything is decoded."""
    with pytest.raises(ImageError, match=reason):
        read(text, 2, 3)


@given(st.data())
def test_a_damaged_png_is_decoded_or_rejected(data: st.DataObject) -> None:
    """Any damage leads to pixels of the right shape or an ImageError."""
    content = bytearray(base64.b64decode(png(GREY.quantize(4), pnginfo=None)))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(16, len(content) - 1))] = data.draw(
            st.integers(0, 255)
        )
    del content[data.draw(st.integers(24, len(content))) :]
    with contextlib.suppress(ImageError):
        assert read(base64.b64encode(content).decode(), 2, 3).shape == (2, 3)


PLAIN = [png(Image.fromarray(RAMP + level)) for level in range(4)]
COLOUR = png(GREY.convert("RGB"))
LARGE = png(ImageOps.expand(Image.new("L", (2, 6), 255), (4, 2)))
# It begins as a plain PNG does, and has one more chunk.
WITH_RESOLUTION = png(GREY, dpi=(72, 72))


def test_a_list_is_decoded_as_its_items_are() -> None:
    """Order, pixels and changes are the same, whether all items are plain or not."""
    lists = (
        PLAIN,
        [*PLAIN, WITH_RESOLUTION],
        [*PLAIN, COLOUR],
        [LARGE, *PLAIN, COLOUR],
    )
    assert CODEC.are_plain(lists[1])
    for contents in lists:
        together = CODEC.decode(contents, "auto")
        alone = [CODEC.decode_one(content, "auto") for content in contents]

        assert together.pixels.shape == (len(contents), 1, 2, 3)
        for each in zip(together.pixels, together.preprocessing, alone, strict=True):
            pixels, preprocessing, expected = each
            assert np.array_equal(pixels, expected.pixels)
            assert preprocessing == expected.preprocessing


# Levels on both sides of the bounds, and few enough of them that images differ in kind.
faint_to_bright = st.sampled_from([0, 9, 23, 24, 25, 62, 63, 64, 255])


@given(arrays(np.uint8, (3, 1, 3, 4), elements=faint_to_bright))
def test_a_list_needs_a_fit_if_one_of_its_images_does(
    images: NDArray[np.uint8],
) -> None:
    """The check of all at once agrees with that of each."""
    assert any_needs_fit(images) == any(needs_fit(image) for image in images)


def test_only_images_that_pillow_decodes_have_source_pixels() -> None:
    """Plain PNGs have none."""
    contents = [*PLAIN, WITH_RESOLUTION, COLOUR, LARGE]
    images = [CODEC.decode_one(content, "auto") for content in contents]

    assert [image.source_pixels for image in images] == [0, 0, 0, 0, 6, 6, 100]
    assert images[0].preprocessing == UNCHANGED


@pytest.mark.parametrize("fit", ["auto", "none"])
@pytest.mark.parametrize(
    "damaged",
    ["%", "eA==", PLAIN[0][:-1] + "%", PLAIN[0][:-8] + "AAAAAAA="],
)
def test_an_error_has_the_index_of_its_item(damaged: str, fit: Fit) -> None:
    """The index counts all items, plain or not; the first error is raised."""
    for before in ([], PLAIN, [COLOUR]):
        for after in ([], PLAIN, ["%"]):
            with pytest.raises(ImageError) as raised:
                CODEC.decode([*before, damaged, *after], fit)

            assert raised.value.index == len(before)


def test_no_more_is_decoded_after_too_many_pixels() -> None:
    """The total is 8 times the largest image; plain images of the shape are free."""
    codec = ImageCodec(CODEC.shape, ImageLimits(max_bytes=2**24, max_pixels=100))
    assert codec.limits.max_total_pixels == 800
    assert len(codec.decode([*PLAIN, *[LARGE] * 8], "auto").pixels) == 12
    assert len(codec.decode(PLAIN * 250, "auto").pixels) == 1000

    with pytest.raises(ImageError) as raised:
        codec.decode([LARGE] * 9, "auto")

    assert raised.value.index == 8
    assert str(raised.value) == (
        "comes after images of 800 pixels; the limit is 800 "
        "(8 times VAE_MAX_IMAGE_PIXELS)"
    )


@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP", "BMP", "GIF"])
def test_a_model_of_three_channels_gets_colours(name: str) -> None:
    """They are as near to the original as the format keeps them."""
    colours = Image.new("RGB", (8, 8), (250, 120, 10))
    content = io.BytesIO()
    colours.save(content, format=name)
    codec = ImageCodec(ImageShape(3, 8, 8), CODEC.limits)
    image = codec.decode_one(content.getvalue(), "none")
    found = image.pixels.astype(int)

    assert image.pixels.shape == (3, 8, 8)
    assert np.abs(found - np.reshape([250, 120, 10], (3, 1, 1))).max() <= 4


@given(arrays(np.uint8, (3, 3, 4, 5)))
def test_colours_are_recovered_from_the_services_pngs(
    images: NDArray[np.uint8],
) -> None:
    """They are plain PNGs of a shape with three channels."""
    codec = ImageCodec(ImageShape(3, 4, 5), CODEC.limits)
    texts = base64_pngs(ImageGrid(images, 1))

    assert codec.are_plain(texts)
    decoded = codec.decode(texts, "none")
    assert np.array_equal(decoded.pixels, images)


def encoded(image: Image.Image, name: str) -> bytes:
    """Return an image's file in a format."""
    content = io.BytesIO()
    image.save(content, name)
    return content.getvalue()


def test_pixels_are_counted_by_the_files_headers() -> None:
    """Base64 or files; what is no image counts for nothing, and no sum is endless."""
    image = Image.new("L", (20, 10))
    files = [encoded(image, name) for name in ("PNG", "JPEG", "WEBP", "BMP", "GIF")]
    codec = ImageCodec(CODEC.shape, ImageLimits(max_bytes=2**24, max_pixels=200))

    assert codec.count_pixels([files[0]]) == 200
    assert codec.count_pixels(files) == 5 * 200
    assert codec.count_pixels(["no image", files[0], b""]) == 200
    assert codec.count_pixels(files * 100) == 9 * 200
