"""What is not a PNG's pixels is neither unpacked nor believed; what is wrong with its chunks is refused."""

import base64
import io
import zlib

import numpy as np
import pytest
from PIL import Image

from fuzz.case import HEIGHT, WIDTH, Records, check, read_fitted
from service.imaging.errors import ImageError
from service.imaging.pixel_chunks import MAX_CHUNKS, chunks, pixel_chunks
from service.imaging.plain_png import END, SIGNATURE, chunk
from tests.samples import png

RAMP = (
    np.arange(HEIGHT * WIDTH, dtype=np.uint32).reshape(HEIGHT, WIDTH).astype(np.uint8)
)
COLOUR = base64.b64decode(png(Image.fromarray(RAMP).convert("RGB")))
PALETTE = base64.b64decode(
    png(Image.fromarray(RAMP).quantize(4), transparency=bytes([0, 80, 160, 255]))
)
HEADER_END = len(SIGNATURE) + 25
ONE_MEBIBYTE = zlib.compress(("a" * (2**20 - 4) + "😀").encode(), 9)


def with_chunks(*inserted: bytes) -> str:
    """The colour picture, with more chunks after its header, in base64."""
    return base64.b64encode(
        b"".join((COLOUR[:HEADER_END], *inserted, COLOUR[HEADER_END:]))
    ).decode()


@pytest.mark.parametrize(
    "inserted",
    [
        [
            chunk(b"iTXt", b"%d\0\1\0\0\0" % number + ONE_MEBIBYTE)
            for number in range(63)
        ],
        [chunk(b"zTXt", b"%d\0\0" % number + ONE_MEBIBYTE) for number in range(63)],
        [chunk(b"iCCP", b"profile\0\0" + ONE_MEBIBYTE)],
    ],
)
def test_what_texts_unpack_to_costs_nothing(inserted: list[bytes]) -> None:
    """90 kB of them took 260 MiB and three quarters of a second."""
    records = Records()
    check(read_fitted, with_chunks(*inserted), records)

    assert records.images == 1
    assert records.bytes < len(inserted) * 2**20


@pytest.mark.parametrize(
    "name", [b"transparency", b"bbox", b"interlace", b"gamma", b"exif"]
)
def test_a_text_is_not_taken_for_what_pillow_found(name: bytes) -> None:
    """Pillow keeps both in one place: one named transparency failed with a TypeError."""
    assert np.array_equal(
        read_fitted(with_chunks(chunk(b"tEXt", name + b"\0x")), HEIGHT, WIDTH), RAMP
    )


def test_an_animation_shows_its_picture() -> None:
    """The frames are left out, whatever part of the picture they tell to fill."""
    control = chunk(b"acTL", (1).to_bytes(4) + bytes(4))
    frame = chunk(
        b"fcTL", b"".join(number.to_bytes(4) for number in (0, 1, 1, 0, 0)) + bytes(6)
    )

    assert np.array_equal(read_fitted(with_chunks(control, frame), HEIGHT, WIDTH), RAMP)


@pytest.mark.parametrize("kind", [b"tEXt", b"IDAT"])
def test_more_chunks_than_any_digit_has_are_refused(kind: bytes) -> None:
    """120,000 empty ones, which fit into a request, took Pillow 0.3 s as data and 0.8 s as texts."""
    with pytest.raises(ImageError, match=f"more than {MAX_CHUNKS} chunks"):
        read_fitted(with_chunks(chunk(kind, b"") * 100_000), HEIGHT, WIDTH)


def test_palette_transparency_and_data_are_kept() -> None:
    """Data in many chunks become one; the picture is the same."""
    found = list(chunks(PALETTE))
    pieces = [
        chunk(kind, piece)
        for kind, data in found
        for piece in (
            [data[i : i + 7] for i in range(0, len(data), 7)]
            if kind == b"IDAT"
            else [data]
        )
    ]
    kept = pixel_chunks(SIGNATURE + b"".join(pieces) + END)

    assert [kind for kind, _ in chunks(kept)] == [b"IHDR", b"PLTE", b"tRNS", b"IDAT"]
    with (
        Image.open(io.BytesIO(PALETTE)) as before,
        Image.open(io.BytesIO(kept)) as after,
    ):
        assert before.convert("RGBA").tobytes() == after.convert("RGBA").tobytes()


@pytest.mark.parametrize(
    "content",
    [
        COLOUR[: -len(END)],
        COLOUR[:-1],
        COLOUR[:HEADER_END],
        COLOUR[: len(SIGNATURE)],
        COLOUR[:HEADER_END]
        + chunk(b"tEXt", b"a\0b")[:-1]
        + b"\0"
        + COLOUR[HEADER_END:],
        COLOUR[:HEADER_END] + b"\xff\xff\xff\xff" + COLOUR[HEADER_END + 4 :],
        COLOUR[:HEADER_END] + COLOUR[len(SIGNATURE) :],
        COLOUR[:HEADER_END] + chunk(b"PLTE", bytes(3)) * 2 + COLOUR[HEADER_END:],
        PALETTE.replace(
            chunk(b"tRNS", bytes([0, 80, 160, 255])), chunk(b"tRNS", bytes(257))
        ),
    ],
)
def test_chunks_that_are_damaged_or_come_twice_are_refused(content: bytes) -> None:
    """Cut anywhere, a wrong checksum, a length past the end, a second header or palette, too much transparency."""
    with pytest.raises(ImageError, match="damaged or truncated"):
        pixel_chunks(content)
