"""Chunks that a PNG's pixels do not need are ignored; damaged chunks are rejected."""

import base64
import io
import zlib

import numpy as np
import pytest
from PIL import Image

from fuzz.case import HEIGHT, WIDTH, Records, check, decode_text
from service.imaging.errors import ImageError
from service.imaging.plain_png import END, SIGNATURE, chunk
from service.imaging.png_chunks import MAX_CHUNKS, chunks, pixel_chunks
from tests.samples import png

LEVELS = np.arange(HEIGHT * WIDTH, dtype=np.uint32).astype(np.uint8)
RAMP = LEVELS.reshape(1, HEIGHT, WIDTH)
GREY = Image.fromarray(RAMP[0])
COLOUR = base64.b64decode(png(GREY.convert("RGB")))
ALPHA = bytes([0, 80, 160, 255])
PALETTE = base64.b64decode(png(GREY.quantize(4), transparency=ALPHA))
HEADER_END = len(SIGNATURE) + 25
ONE_MEBIBYTE = zlib.compress(("a" * (2**20 - 4) + "😀").encode(), 9)


def with_chunks(*inserted: bytes) -> str:
    """Return the colour image, with more chunks after its header, in base64."""
    content = COLOUR[:HEADER_END] + b"".join(inserted) + COLOUR[HEADER_END:]
    return base64.b64encode(content).decode()


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
def test_compressed_texts_are_not_unpacked(inserted: list[bytes]) -> None:
    """90 kB of them took 260 MiB and three quarters of a second."""
    records = Records()
    check(decode_text, with_chunks(*inserted), records)

    assert records.images == 1
    assert records.bytes < len(inserted) * 2**20


@pytest.mark.parametrize(
    "name", [b"transparency", b"bbox", b"interlace", b"gamma", b"exif"]
)
def test_a_text_does_not_replace_pillows_own_findings(name: bytes) -> None:
    """Pillow has one dictionary for both: a text named transparency was a TypeError."""
    text = with_chunks(chunk(b"tEXt", name + b"\0x"))

    assert np.array_equal(decode_text(text), RAMP)


def test_an_animated_png_is_its_still_image() -> None:
    """Frames are left out, whatever part of the image they would fill."""
    control = chunk(b"acTL", (1).to_bytes(4) + bytes(4))
    frame = chunk(
        b"fcTL", b"".join(number.to_bytes(4) for number in (0, 1, 1, 0, 0)) + bytes(6)
    )

    assert np.array_equal(decode_text(with_chunks(control, frame)), RAMP)


@pytest.mark.parametrize("kind", [b"tEXt", b"IDAT"])
def test_too_many_chunks_are_rejected(kind: bytes) -> None:
    """120,000 empty ones took Pillow 0.3 s as data and 0.8 s as texts."""
    with pytest.raises(ImageError, match=f"more than {MAX_CHUNKS} chunks"):
        decode_text(with_chunks(chunk(kind, b"") * 100_000))


def test_palette_transparency_and_data_are_kept() -> None:
    """Data in many chunks become one; the image stays the same."""
    parts = [SIGNATURE]
    for kind, data in chunks(PALETTE):
        step = 7 if kind == b"IDAT" else len(data)
        for start in range(0, len(data), step):
            part = data[start : start + step]
            parts.append(chunk(kind, part))
    parts.append(END)
    kept = pixel_chunks(b"".join(parts))

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
        PALETTE.replace(chunk(b"tRNS", ALPHA), chunk(b"tRNS", bytes(257))),
    ],
)
def test_damaged_or_repeated_chunks_are_rejected(content: bytes) -> None:
    """Damage is a cut, a wrong checksum or length, and too many transparency values."""
    with pytest.raises(ImageError, match="damaged or truncated"):
        pixel_chunks(content)
