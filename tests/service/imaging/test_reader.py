"""Any PNG of the right size becomes grey pixels; all else is refused by an ImageError."""

import base64
import contextlib
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image

from service.imaging.errors import ImageError
from service.imaging.plain_png import write_plain_pngs
from service.imaging.reader import look_like_plain_pngs, read_image
from tests.samples import grey_png, pixels_of, png

RAMP = np.array([[0, 50, 100], [150, 200, 255]], dtype=np.uint8)
GREY = Image.fromarray(RAMP)


def read(content: str | bytes, height: int, width: int) -> NDArray[np.uint8]:
    """The pixels of an image of that size."""
    return read_image(content, height, width, 1000, "none").pixels


def chunk(kind: bytes, content: bytes) -> bytes:
    """A PNG chunk (RFC 2083, section 3.2)."""
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def raw_png(width: int, height: int, depth: int, colour_type: int, rows: bytes) -> str:
    """A PNG made by hand, as base64: filter bytes are part of the rows."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    content = (
        chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + content).decode()


def with_second_header(width: int, height: int) -> str:
    """A picture of the right size by its first header, and of another by its second."""
    first, second = (
        chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, 0, 0, 0, 0))
        for size in ((3, 2), (width, height))
    )
    content = (
        first + second + chunk(b"IDAT", zlib.compress(bytes(8))) + chunk(b"IEND", b"")
    )
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + content).decode()


def with_alpha(alpha: int) -> Image.Image:
    """The ramp as white ink whose alpha is the same everywhere."""
    image = GREY.convert("LA")
    image.putalpha(alpha)
    return image


@given(arrays(np.uint8, (2, 3)))
def test_reading_what_was_written_is_the_identity(pixels: NDArray[np.uint8]) -> None:
    """Pixels to PNG to pixels, for every grey level, through the short way and through Pillow's."""
    (content,) = write_plain_pngs(pixels[np.newaxis])
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
def test_every_depth_and_colour_type_is_turned_to_grey(
    text: str, expected: NDArray[np.uint8]
) -> None:
    """1, 2, 4, 8 and 16 bits; grey, colour, palette and alpha."""
    expected = np.asarray(expected)
    assert read(text, *expected.shape).tolist() == expected.tolist()


def test_what_is_transparent_is_black_paper() -> None:
    """Ink shows as much as it covers."""
    assert read(png(with_alpha(0)), 2, 3).max() == 0
    assert abs(int(read(png(with_alpha(128)), 2, 3).max()) - 128) <= 1


@pytest.mark.parametrize(("colour_type", "samples"), [(0, 1), (2, 3)])
def test_no_colour_of_16_bits_is_transparent(colour_type: int, samples: int) -> None:
    """Neither the one that is named nor one whose first eight bits are its last: both pixels stay what they are."""
    named, other = b"\xc3\x50", b"\x50\x50"
    text = raw_png(2, 1, 16, colour_type, b"\0" + named * samples + other * samples)
    content = base64.b64decode(text)
    place = content.index(b"IDAT") - 4
    marked = content[:place] + chunk(b"tRNS", named * samples) + content[place:]

    assert read(base64.b64encode(marked).decode(), 1, 2).tolist() == [[0xC3, 0x50]]


@pytest.mark.parametrize(
    ("depth", "pixels", "shown"), [(1, 0xA0, 0xFF), (2, 0x98, 0xAA), (4, 0xA5, 0xAA)]
)
def test_a_transparent_grey_of_any_depth_is_black_paper(
    depth: int, pixels: int, shown: int
) -> None:
    """The first pixel's grey is named, of a few bits; the second's is another."""
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
    """Anything else is damaged."""
    content = base64.b64decode(raw_png(2, 1, 4, 0, bytes(2)))
    place = content.index(b"IDAT") - 4
    marked = content[:place] + chunk(b"tRNS", transparent) + content[place:]
    with pytest.raises(ImageError, match="damaged or truncated"):
        read(base64.b64encode(marked).decode(), 1, 2)


@given(
    arrays(np.uint8, (3, 10, 9))
    | st.integers(0, 2**32).map(
        lambda seed: np.random.default_rng(seed).integers(
            144, 256, (3, 10, 9), np.uint8
        )
    ),
    st.integers(0, 9),
)
def test_every_plain_png_seems_to_be_one(pixels: NDArray[np.uint8], level: int) -> None:
    """However badly it is compressed, as a file or as a text, with a prefix or without."""
    texts = [png(Image.fromarray(each), compress_level=level) for each in pixels]
    files = [*write_plain_pngs(pixels), *map(base64.b64decode, texts)]

    assert look_like_plain_pngs(
        [*files, *texts, *(f"data:image/png;base64,{text}" for text in texts)], 10, 9
    )


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
def test_what_takes_longer_to_read_does_not_seem_plain(text: str) -> None:
    """As a text or a file; nor does a list that has it."""
    assert look_like_plain_pngs([png(GREY)], 2, 3)
    for content in (text, base64.b64decode(text), None):
        assert not look_like_plain_pngs([png(GREY), content], 2, 3)


def test_more_rows_than_pillow_takes_are_refused() -> None:
    """Of a BMP whose height is below 0, which Pillow reads as a very large one."""
    header = struct.pack("<IiiHH6I", 40, 1, -(2**24) - 1, 1, 24, *[0] * 6)
    content = b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + header
    with pytest.raises(ImageError, match="damaged or truncated BMP"):
        read_image(content, 2, 3, 20_000_000, "auto")


@pytest.mark.parametrize(
    "prefix",
    ["data:image/png;base64,", "data:;base64,", "data:image/png;charset=utf-8;base64,"],
)
def test_a_data_uri_is_read(prefix: str) -> None:
    """What a browser's canvas gives can be sent as it is."""
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
        (raw_png(3, 2, 8, 3, b"\x00" * 8), "without the palette"),
        (png(GREY)[:64], "damaged or truncated"),
        (with_second_header(2, 3), "damaged or truncated"),
        (with_second_header(12_000, 12_000), "damaged or truncated"),
        (with_second_header(100_000, 100_000), "damaged or truncated"),
    ],
)
def test_all_else_is_refused_with_its_reason(text: str, reason: str) -> None:
    """No text is ever taken for an address; a size is refused before anything is decoded."""
    with pytest.raises(ImageError, match=reason):
        read(text, 2, 3)


@given(st.data())
def test_a_damaged_png_is_read_or_refused(data: st.DataObject) -> None:
    """No damage to a file makes anything but pixels of the right shape or an ImageError."""
    content = bytearray(base64.b64decode(png(GREY.quantize(4), pnginfo=None)))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(16, len(content) - 1))] = data.draw(
            st.integers(0, 255)
        )
    del content[data.draw(st.integers(24, len(content))) :]
    with contextlib.suppress(ImageError):
        assert read(base64.b64encode(content).decode(), 2, 3).shape == (2, 3)
