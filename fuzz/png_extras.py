"""Chunks to insert into a PNG: texts, animation, colours and repeated parts."""

import functools
import struct
import zlib
from collections.abc import Callable
from random import Random

from fuzz.case import HEIGHT, WIDTH
from fuzz.png_chunks import PIXEL_FORMATS, Chunks, header, pixels

Maker = Callable[[Random], Chunks]

SIZES = (WIDTH, 0, 1, WIDTH + 1, 20_000, 2**31)
# Names that Pillow uses for its own values, in the dictionary of a file's texts.
NAMES = (
    b"Comment",
    b"bbox",
    b"transparency",
    b"interlace",
    b"gamma",
    b"exif",
    b"XML:com.adobe.xmp",
    b"loop",
    b"",
)
# Colour chunks with the length of their content.
COLOUR_CHUNKS = (
    (b"PLTE", 768),
    (b"tRNS", 256),
    (b"gAMA", 4),
    (b"cHRM", 32),
    (b"sRGB", 1),
    (b"pHYs", 9),
    (b"eXIf", 64),
)
MAX_TEXT_POWER = 21  # of two: characters in a compressed text


def odd_header(random: Random) -> bytes:
    """Return the content of IHDR, with one eighth of wrong sizes and formats."""
    size = WIDTH, HEIGHT
    if random.random() >= 7 / 8:
        size = random.choice(SIZES), random.choice(SIZES)
    if random.random() < 7 / 8:
        pixel_format = random.choice(PIXEL_FORMATS)
    else:
        pixel_format = random.randrange(256), random.randrange(256)
    return header(size, pixel_format, random)


def bomb(random: Random) -> bytes:
    """Return a few bytes that decompress to up to 8 MiB."""
    character = random.choice(("\0", "a", "😀"))
    count = 1 << random.randint(0, MAX_TEXT_POWER)
    return compressed(character, count)


@functools.cache
def compressed(character: str, count: int) -> bytes:
    """Return a repeated character, compressed.

    The emoji at the end makes Python store each character in four bytes.
    """
    text = character * count + "😀"
    return zlib.compress(text.encode(), 9)


def texts(random: Random) -> Chunks:
    """Make one text, or 101 with different names; compressed or not."""
    name = random.choice(NAMES)
    content = bomb(random)
    plain = random.randbytes(64)
    kinds = (
        (b"tEXt", b"\0", plain),
        (b"zTXt", b"\0\0", content),
        (b"iTXt", b"\0\1\0en\0name\0", content),
        (b"iCCP", b"\0\0", content),
    )
    kind, start, text = random.choice(kinds)
    copies = random.choice((0, 0, 0, 0, 0, 0, 0, 100))
    chunks = [(kind, name + start + text)]
    for copy in range(copies):
        number = b"%d" % copy
        chunks.append((kind, number + start + text))
    return chunks


def animation(random: Random) -> Chunks:
    """Make parts of an animated PNG, with a frame inside or outside the image."""
    number = random.randint(0, 2)
    left, top = random.choices((0, 0, 1, 2**31), k=2)
    width = random.choice(SIZES)
    values = number, width, HEIGHT, left, top, 1, 0, 0, 0
    frame = struct.pack(">IIIIIHHBB", *values)
    frames = random.choice((0, 1, 2, 2**31))
    count = struct.pack(">II", frames, 0)
    data = zlib.compress(pixels(random), 1)
    pieces = struct.pack(">I", number) + data
    parts = [
        (b"acTL", count),
        (b"fcTL", frame),
        (b"fdAT", pieces),
    ]
    return random.sample(parts, random.randint(1, 3))


def colours(random: Random) -> Chunks:
    """Make a colour chunk of random content, of the right or another length."""
    kind, length = random.choice(COLOUR_CHUNKS)
    other_length = random.randint(0, length + 3)
    chosen = random.choice((length, other_length))
    return [(kind, random.randbytes(chosen))]


def repeated_parts(random: Random) -> Chunks:
    """Make a second header, too much data, no data or an early end.

    There may be far too many of it.
    """
    parts = (
        (b"IHDR", odd_header(random)),
        (b"IDAT", bomb(random)),
        (b"IDAT", b""),
        (b"IEND", b""),
    )
    part = random.choice(parts)
    count = random.choice((1, 1, 1, 1, 1, 1, 1, 1200))
    return [part] * count


EXTRAS: tuple[Maker, ...] = (texts, animation, colours, repeated_parts)
