"""Plain PNGs are read as Pillow reads them; any other content is left to Pillow."""

import io
import time
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from service.imaging.pixels import ImageShape, Pixels
from service.imaging.plain_png import (
    END,
    PlainPngReader,
    chunk,
    plain_header,
    write_pngs,
)
from tests.samples import png

SHAPE = ImageShape(channels=1, height=2, width=3)
IMAGE = np.arange(40, 46, dtype=np.uint8).reshape(1, 1, 2, 3)
(PLAIN,) = write_pngs(IMAGE)


def read_alone(content: bytes, shape: ImageShape = SHAPE) -> Pixels | None:
    """Return the pixels of one PNG."""
    return PlainPngReader(shape).read(content)


def read_among_others(content: bytes, shape: ImageShape = SHAPE) -> Pixels | None:
    """Return the pixels of one PNG, read together with white ones that stay white."""
    white = np.full((shape.channels, shape.height, shape.width), 255, dtype=np.uint8)
    (other,) = write_pngs(white[np.newaxis])
    images = PlainPngReader(shape).read_all([other, content, other])
    if images is None:
        return None
    before, pixels, after = images
    assert np.array_equal(before, white)
    assert np.array_equal(after, white)
    result: Pixels = pixels
    return result


READERS = (read_alone, read_among_others)
Read = Callable[..., Pixels | None]


def with_data(compressed: bytes) -> bytes:
    """Return a plain PNG of 3 x 2 pixels with any data."""
    return plain_header(1, 2, 3) + chunk(b"IDAT", compressed) + END


@pytest.mark.parametrize("read", READERS)
@given(
    arrays(np.uint8, (5, 7)) | arrays(np.uint8, (5, 7, 3)),
    st.integers(0, 9),
)
def test_pillows_pngs_are_read_as_pillow_reads_them(
    read: Read, pixels: Pixels, level: int
) -> None:
    """This holds for grey and RGB, and for all filters and levels of compression."""
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, format="PNG", compress_level=level)
    expected = pixels.reshape(5, 7, -1).transpose(2, 0, 1)
    channels = len(expected)
    found = read(content.getvalue(), ImageShape(channels, 5, 7))

    assert found is not None
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("kind", range(5))
def test_every_filter_is_undone(read: Read, kind: int) -> None:
    """None, sub, up, average and Paeth are undone as Pillow undoes them."""
    rows = b"".join(bytes([kind, *values]) for values in ((9, 200, 30), (100, 7, 250)))
    content = with_data(zlib.compress(rows))
    found = read(content)

    assert found is not None
    assert found.tolist() == [np.asarray(Image.open(io.BytesIO(content))).tolist()]


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    "content",
    [
        b"",
        PLAIN[:-1],
        PLAIN + b"\0",
        PLAIN[:45] + bytes([PLAIN[45] ^ 1]) + PLAIN[46:],
        plain_header(1, 2, 3) + END,
        plain_header(1, 2, 3) + chunk(b"tEXt", b"a\0b") + PLAIN[33:],
        plain_header(1, 3, 2) + PLAIN[33:],
        plain_header(3, 2, 3) + PLAIN[33:],
        with_data(b""),
        with_data(zlib.compress(bytes(7))),
    ],
)
def test_any_other_content_is_left_to_pillow(read: Read, content: bytes) -> None:
    """Cut, longer, a wrong checksum, another shape, other chunks, too little data."""
    assert read(content) is None


@pytest.mark.parametrize("row", [0, 1])
def test_an_unknown_filter_is_left_to_pillow(row: int) -> None:
    """So are all images that are read together with it."""
    rows = bytearray(8)
    rows[4 * row] = 5
    content = with_data(zlib.compress(rows))
    reader = PlainPngReader(SHAPE)

    assert reader.read(content) is None
    assert reader.read_all([PLAIN, content]) is None


@pytest.mark.parametrize("read", READERS)
def test_no_more_data_than_the_size_needs_are_unpacked(read: Read) -> None:
    """64 MiB of zeros after a small header cost no more than the header's size."""
    compressor = zlib.compressobj(9)
    parts = [compressor.compress(bytes(1 << 20)) for _ in range(64)]
    bomb = b"".join(parts) + compressor.flush()
    start = time.perf_counter()
    read(with_data(bomb))

    assert time.perf_counter() - start < 0.1


@given(
    arrays(np.uint8, (3, 1, 10, 9))
    | st.integers(0, 2**32).map(
        lambda seed: np.random.default_rng(seed).integers(
            144, 256, (3, 1, 10, 9), np.uint8
        )
    ),
    st.integers(0, 9),
)
def test_every_plain_png_is_recognised(images: Pixels, level: int) -> None:
    """This holds at any compression, for files, and texts with a prefix or without."""
    pillow_files = []
    for image in images:
        content = io.BytesIO()
        Image.fromarray(image[0]).save(content, format="PNG", compress_level=level)
        pillow_files.append(content.getvalue())
    texts = [png(Image.fromarray(image[0]), compress_level=level) for image in images]
    uris = [f"data:image/png;base64,{text}" for text in texts]
    reader = PlainPngReader(ImageShape(1, 10, 9))

    for contents in (write_pngs(images), pillow_files, texts, uris):
        assert reader.are_plain(contents)
