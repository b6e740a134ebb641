"""The short way gives what Pillow gives, or leaves the content to Pillow."""

import io
import time
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image

from service.imaging.plain_png import (
    END,
    beginning,
    chunk,
    read_plain_png,
    read_plain_pngs,
    write_plain_pngs,
)

IMAGE = np.arange(40, 46, dtype=np.uint8).reshape(2, 3)
(PLAIN,) = write_plain_pngs(IMAGE[np.newaxis])


def read_among_others(
    content: bytes, height: int, width: int
) -> NDArray[np.uint8] | None:
    """One of a list whose others are white, read with them, which leaves those white."""
    white = np.full((1, height, width), 255, dtype=np.uint8)
    (other,) = write_plain_pngs(white)
    before, read, after = read_plain_pngs([other, content, other], height, width)

    for neighbour in (before, after):
        assert neighbour is not None
        assert np.array_equal(neighbour, white[0])
    return read


READERS = (read_plain_png, read_among_others)
Read = Callable[[bytes, int, int], NDArray[np.uint8] | None]


def with_data(compressed: bytes) -> bytes:
    """A plain PNG of 3 x 2 pixels around any data."""
    return beginning(2, 3) + chunk(b"IDAT", compressed) + END


@pytest.mark.parametrize("read", READERS)
@given(arrays(np.uint8, (5, 7)), st.integers(0, 9))
def test_what_pillow_writes_is_read_as_pillow_reads_it(
    read: Read, pixels: NDArray[np.uint8], level: int
) -> None:
    """Whatever filters and compression it chose for the rows."""
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, format="PNG", compress_level=level)
    found = read(content.getvalue(), 5, 7)

    assert found is not None
    assert np.array_equal(found, pixels)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("kind", range(5))
def test_every_filter_is_undone(read: Read, kind: int) -> None:
    """None, sub, up, average and Paeth, as Pillow undoes them."""
    rows = b"".join(bytes([kind, *values]) for values in ((9, 200, 30), (100, 7, 250)))
    content = with_data(zlib.compress(rows))
    found = read(content, 2, 3)

    assert found is not None
    assert found.tolist() == np.asarray(Image.open(io.BytesIO(content))).tolist()


@given(arrays(np.uint8, (3, 5, 7)))
def test_pillow_reads_what_is_written(images: NDArray[np.uint8]) -> None:
    """Each image of a batch."""
    for content, image in zip(write_plain_pngs(images), images, strict=True):
        with Image.open(io.BytesIO(content)) as read:
            assert read.mode == "L"
            assert np.array_equal(np.asarray(read), image)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    "content",
    [
        b"",
        PLAIN[:-1],
        PLAIN + b"\0",
        PLAIN[:45] + bytes([PLAIN[45] ^ 1]) + PLAIN[46:],
        beginning(2, 3) + END,
        beginning(2, 3) + chunk(b"tEXt", b"a\0b") + PLAIN[33:],
        beginning(3, 2) + PLAIN[33:],
        with_data(b""),
        with_data(zlib.compress(bytes(7))),
    ],
)
def test_all_else_is_left_to_pillow(read: Read, content: bytes) -> None:
    """Cut, longer, a wrong checksum, another size, other chunks, too little data."""
    assert read(content, 2, 3) is None


@pytest.mark.parametrize("row", [0, 1])
def test_an_unknown_filter_is_left_to_pillow(row: int) -> None:
    """With all that are read with it."""
    rows = bytearray(8)
    rows[4 * row] = 5
    content = with_data(zlib.compress(rows))

    assert read_plain_png(content, 2, 3) is None
    assert read_plain_pngs([PLAIN, content], 2, 3) == [None, None]


@pytest.mark.parametrize("read", READERS)
def test_more_data_than_the_size_tells_is_not_unpacked(read: Read) -> None:
    """64 MiB of zeros behind a small header costs no more than the header says."""
    compressor = zlib.compressobj(9)
    bomb = (
        b"".join(compressor.compress(bytes(1 << 20)) for _ in range(64))
        + compressor.flush()
    )
    start = time.perf_counter()
    read(with_data(bomb), 2, 3)

    assert time.perf_counter() - start < 0.1
