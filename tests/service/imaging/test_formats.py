"""Every format is read in every mode and orientation; damage and bombs are rejected."""

import contextlib
import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from fuzz.case import Records, check
from service.imaging.codec import DecodedImage, ImageCodec, ImageLimits
from service.imaging.errors import ImageError
from service.imaging.gif_blocks import MAX_BLOCKS
from service.imaging.jpeg_segments import MAX_SCANS, MAX_SEGMENTS
from service.imaging.pixels import ImageShape
from service.imaging.preprocessing import Fit
from service.imaging.reader import measure

HEIGHT, WIDTH = 24, 16
SHAPE = ImageShape(1, HEIGHT, WIDTH)
CODEC = ImageCodec(SHAPE, ImageLimits(max_bytes=2**24, max_pixels=4_000_000))
FITS: list[Fit] = ["auto", "none"]
# Darker to the right and down, in steps that a JPEG keeps.
RAMP = np.add.outer(np.arange(HEIGHT) * 5, np.arange(WIDTH) * 9).astype(np.uint8)
GREY = Image.fromarray(RAMP)
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
ORIENTATION = 0x0112
# From an image upright to the image as stored, by EXIF's number.
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def file_of(image: Image.Image, name: str, **options: object) -> bytes:
    """Return an image as a file."""
    content = io.BytesIO()
    if name in {"JPEG", "WEBP"}:
        options = {"quality": 95} | options
    image.save(content, format=name, **options)
    return content.getvalue()


def decode(content: bytes) -> DecodedImage:
    """Return a decoded image that has the model's size."""
    return CODEC.decode_one(content, "none")


def read(content: bytes) -> NDArray[np.int64]:
    """Return the grey levels (height, width) of an image that has the model's size."""
    grey: NDArray[np.uint8] = decode(content).pixels[0]
    return grey.astype(np.int64)


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        *(("PNG", mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")),
        *(("JPEG", mode) for mode in ("L", "RGB", "CMYK")),
        *(("WEBP", mode) for mode in ("RGB", "RGBA")),
        *(("BMP", mode) for mode in ("1", "L", "P", "RGB")),
        *(("GIF", mode) for mode in ("1", "L", "P", "RGB")),
    ],
)
def test_every_format_is_read_in_every_mode(name: str, mode: str) -> None:
    """Grey levels are as near to the original as the format keeps them."""
    if mode == "1":
        image, expected = (
            GREY.point(lambda level: 255 * (level > 127)).convert("1"),
            np.where(RAMP > 127, 255, 0),
        )
    elif mode == "I;16":
        image, expected = Image.fromarray(RAMP.astype(np.uint16) * 257), RAMP
    else:
        image, expected = (
            (
                GREY.convert("RGB").convert(mode)
                if mode in {"RGBA", "CMYK"}
                else GREY.convert(mode)
            ),
            RAMP,
        )

    assert np.abs(read(file_of(image, name)) - expected).max() <= 8


@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("orientation", STORED)
def test_an_image_is_turned_as_its_exif_data_say(name: str, orientation: int) -> None:
    """There are eight orientations; the result says whether one was applied."""
    turn = STORED[orientation]
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    content = file_of(GREY if turn is None else GREY.transpose(turn), name, exif=exif)

    assert np.abs(read(content) - RAMP).max() <= 8
    assert decode(content).preprocessing.oriented == (orientation != 1)


@pytest.mark.parametrize(
    "exif",
    [b"", b"Exif", b"II*\0", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff"],
)
def test_unreadable_exif_data_are_ignored(exif: bytes) -> None:
    """They are cut, or point past their end."""
    assert (
        np.abs(read(file_of(GREY, "JPEG", exif=b"Exif\0\0" + exif)) - RAMP).max() <= 8
    )


def test_an_animation_shows_its_first_frame() -> None:
    """This holds for a WebP, and for a GIF with any disposal of the frame."""
    others = [Image.new("RGB", GREY.size, colour) for colour in ("white", "black")]
    for name in ("GIF", "WEBP"):
        for disposal in (0, 1, 2, 3):
            options = {"disposal": disposal} if name == "GIF" else {"lossless": True}
            content = file_of(
                GREY.convert("RGB"),
                name,
                save_all=True,
                append_images=others,
                loop=0,
                **options,
            )
            assert np.abs(read(content) - RAMP).max() <= 8


def test_transparent_pixels_of_a_gif_are_black() -> None:
    """A PNG's are, too."""
    image = GREY.quantize(8)
    image.info["transparency"] = image.getpixel((WIDTH - 1, HEIGHT - 1))

    assert read(file_of(image, "GIF"))[-1, -1] == 0


def bmp(
    width: int,
    height: int,
    compression: int = 0,
    data: bytes = b"",
    colours: int = 0,
) -> bytes:
    """Return a BMP of 8 bits without a palette."""
    size = (width, height)
    info = struct.pack(
        "<IiiHHIIiiII", 40, *size, 1, 8, compression, len(data), 0, 0, colours, 0
    )
    return struct.pack("<2sIHHI", b"BM", 54 + len(data), 0, 0, 54) + info + data


def gif(
    screen: tuple[int, int], frame: tuple[int, int, int, int], before: bytes = b""
) -> bytes:
    """Return a GIF: a screen, and one frame's position on it."""
    header = b"GIF89a" + struct.pack("<HHBBB", *screen, 0x80, 0, 0) + bytes(6)
    return (
        header
        + before
        + b","
        + struct.pack("<HHHHB", *frame, 0)
        + b"\x02\x02\x4c\x01\0;"
    )


def old_bmp(pixels: NDArray[np.uint8]) -> bytes:
    """Return a BMP with the oldest header, of 24 bits a pixel, of this grey image."""
    height, width = pixels.shape
    info = struct.pack("<IHHHH", 12, width, height, 1, 24)
    data = pixels[::-1].repeat(3, axis=1).tobytes()
    return struct.pack("<2sIHHI", b"BM", 26 + len(data), 0, 0, 26) + info + data


def vp8x(width: int, height: int) -> bytes:
    """Return a WebP with the header of a canvas and no frame."""
    last_column = (width - 1).to_bytes(3, "little")
    last_row = (height - 1).to_bytes(3, "little")
    data = bytes(4) + last_column + last_row
    chunk = b"VP8X" + len(data).to_bytes(4, "little") + data
    content = b"WEBP" + chunk
    return b"RIFF" + len(content).to_bytes(4, "little") + content


def jpeg_of(width: int, height: int) -> bytes:
    """Return a JPEG whose header has another size than its pixels."""
    content = bytearray(file_of(GREY, "JPEG"))
    place = content.index(b"\xff\xc0") + 5
    content[place : place + 4] = struct.pack(">HH", height, width)
    return bytes(content)


def jpeg_of_scans(count: int) -> bytes:
    """Return a progressive JPEG whose last scan is repeated."""
    content = file_of(GREY, "JPEG", progressive=True)
    last = content.rindex(b"\xff\xda")
    return content[:last] + content[last:-2] * count + content[-2:]


JPEG = file_of(GREY, "JPEG")
LARGE = f"{60_000} x {60_000} pixels; must have 1 to 4000000 .VAE_MAX_IMAGE_PIXELS"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not a PNG, JPEG, WebP, BMP or GIF"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a PNG"),
        (b"RIFF\0\0\0\0WAVEfmt ", "a damaged or truncated WEBP"),
        (b"BM", "a damaged or truncated BMP"),
        (b"GIF89a", "a damaged or truncated GIF"),
        (b"\xff\xd8\xff", "a damaged or truncated JPEG"),
        (bmp(60_000, 60_000), LARGE),
        (bmp(60_000, -60_000), LARGE),
        (gif((60_000, 60_000), (0, 0, 1, 1)), LARGE),
        (vp8x(60_000, 60_000), LARGE),
        (jpeg_of(60_000, 60_000), LARGE),
        (bmp(0, 5), "0 x 5 pixels"),
        (bmp(-16, 24), "-16 x 24 pixels"),
        (bmp(4_000_000, 1, 1, b"\0\2\xff\xff" * 200), "a compressed BMP"),
        (bmp(WIDTH, HEIGHT), "a damaged or truncated BMP"),
        (gif((1, 1), (0, 0, 60_000, 60_000)), "a damaged or truncated GIF"),
        (
            gif((16, 24), (0, 0, 60_000, 60_000), b"!\xf9\4\x08\0\0\0\0"),
            "a damaged or truncated GIF",
        ),
        (
            gif((16, 24), (0, 0, 16, 24), b"!\xfe\0" * MAX_BLOCKS),
            "a damaged or truncated GIF",
        ),
        (vp8x(WIDTH, HEIGHT), "a damaged or truncated WEBP"),
        (jpeg_of_scans(MAX_SCANS), "scans; at most 50 are allowed"),
        (
            JPEG[:2] + b"\xff\xfe\0\2" * MAX_SEGMENTS + JPEG[2:],
            "more than 1000 segments",
        ),
        (
            JPEG[:2] + JPEG[JPEG.index(b"\xff\xc0") :][:13] + JPEG[2:],
            "a damaged or truncated JPEG",
        ),
    ],
)
def test_wrong_or_excessive_headers_are_rejected(content: bytes, reason: str) -> None:
    """This needs little time and memory, because nothing is decoded before."""
    messages = []

    def decode_content(_: str) -> NDArray[np.uint8]:
        try:
            return decode(content).pixels
        except ImageError as error:
            messages.append(str(error))
            raise

    check(decode_content, "", Records())
    with pytest.raises(ImageError, match=reason):
        raise ImageError("".join(messages))


def test_a_palette_of_more_colours_than_indices_is_rejected_by_the_header() -> None:
    """Pillow would take 11 ms for the palette of a file of 54 bytes."""
    assert measure(bmp(WIDTH, HEIGHT, colours=256)) == (WIDTH, HEIGHT)

    with pytest.raises(ImageError, match="a damaged or truncated BMP"):
        measure(bmp(WIDTH, HEIGHT, colours=65_536))


def test_headers_of_every_kind_are_read() -> None:
    """A lossless WebP and the oldest BMP have headers of their own."""
    webp = file_of(GREY.convert("RGB"), "WEBP", lossless=True)

    assert np.array_equal(read(webp), RAMP)
    assert np.array_equal(read(old_bmp(RAMP)), RAMP)


def test_fill_bytes_before_a_jpegs_markers_are_skipped() -> None:
    """T.81 allows any number of 0xFF there."""
    filled = JPEG[:2] + b"\xff\xff" + JPEG[2:]

    assert np.array_equal(read(filled), read(JPEG))


def test_other_segments_of_a_jpeg_are_ignored() -> None:
    """Pillow does not see profiles, texts and thumbnails; they may be damaged."""
    profile = zlib.compress(bytes(1 << 20))
    for marker, data in (
        (0xE2, b"ICC_PROFILE\0\1\1" + profile),
        (0xED, b"Photoshop 3.0\0" + profile),
        (0xE1, b"Exif"),
    ):
        segment = bytes([0xFF, marker]) + (len(data) + 2).to_bytes(2) + data
        assert np.array_equal(read(JPEG[:2] + segment + JPEG[2:]), read(JPEG))


@given(st.data())
def test_a_damaged_file_is_decoded_or_rejected(data: st.DataObject) -> None:
    """Any damage leads to pixels of the right shape or an ImageError."""
    name = data.draw(st.sampled_from(FORMATS))
    image = GREY.convert("P" if name == "GIF" else "RGB")
    content = bytearray(file_of(image, name))
    codec = ImageCodec(SHAPE, ImageLimits(max_bytes=2**24, max_pixels=10_000))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(
            st.integers(0, 255)
        )
    del content[data.draw(st.integers(0, len(content))) :]
    for fit in FITS:
        with contextlib.suppress(ImageError):
            decoded = codec.decode_one(bytes(content), fit)
            assert decoded.pixels.shape == (1, HEIGHT, WIDTH)
