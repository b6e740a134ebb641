"""PNGs that are wrong in one place and right in all others: checksums fit, so that what is behind them is reached."""

import base64
import functools
import struct
import zlib
from collections.abc import Callable
from random import Random

from fuzz.case import HEIGHT, WIDTH
from service.imaging.plain_png import SIGNATURE, chunk

Chunks = list[tuple[bytes, bytes]]  # type and content of each
Mutate = Callable[[bytes, int], bytes]  # libFuzzer's own mutation: content, most bytes
Edit = Callable[[Chunks, Random, Mutate], Chunks]
Maker = Callable[[Random], Chunks]

GREY, COLOUR, PALETTE, GREY_AND_ALPHA, COLOUR_AND_ALPHA = 0, 2, 3, 4, 6
PROBLEM_TYPES = [  # bit depths and colour types that go together
    *((depth, GREY) for depth in (1, 2, 4, 8, 16)),
    *((depth, PALETTE) for depth in (1, 2, 4, 8)),
    *(
        (depth, colour)
        for depth in (8, 16)
        for colour in (COLOUR, GREY_AND_ALPHA, COLOUR_AND_ALPHA)
    ),
]
FILTERS = bytes(value % 5 for value in range(256))
SIZES = (WIDTH, 0, 1, WIDTH + 1, 20_000, 2**31)
# Names that Pillow keeps its own things under, in the same place as a file's texts.
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


def mutate_text(text: bytes, most: int, random: Random, mutate: Mutate) -> bytes:
    """Another base64 PNG, of at most ``most`` bytes, made from one; from a new one where there is none yet."""
    if random.random() < 1 / 16:
        return mutate(text, most)
    chunks = (chunks_of(text) if random.random() < 7 / 8 else []) or picture(random)
    for _ in range(random.randint(1, 4)):
        chunks = random.choice(EDITS)(chunks, random, mutate)
    content = content_of(chunks)
    if random.random() < 1 / 16:
        content = mutate(content, most)
    mutated = random.choice((b"", b"", b"data:image/png;base64,")) + base64.b64encode(
        content
    )
    return mutated if len(mutated) <= most else text


def content_of(chunks: Chunks) -> bytes:
    """The PNG of these chunks."""
    return SIGNATURE + b"".join(chunk(kind, content) for kind, content in chunks)


def chunks_of(text: bytes) -> Chunks:
    """The chunks of a base64 PNG; what cannot be read as one has none."""
    try:
        content = base64.b64decode(text.rpartition(b",")[2])
    except ValueError:
        return []
    chunks = []
    place = len(SIGNATURE)
    while place + 12 <= len(content):
        end = place + 8 + int.from_bytes(content[place : place + 4])
        chunks.append((content[place + 4 : place + 8], content[place + 8 : end]))
        place = end + 4
    return chunks


def picture(random: Random) -> Chunks:
    """A PNG of the right size that is right, of any depth and colour type, interlaced or not."""
    depth, colour = random.choice(PROBLEM_TYPES)
    palette = [(b"PLTE", random.randbytes(3 << depth))] if colour == PALETTE else []
    return [
        (b"IHDR", header((WIDTH, HEIGHT), (depth, colour), random)),
        *palette,
        (b"IDAT", zlib.compress(pixels(random), 1)),
        (b"IEND", b""),
    ]


def header(size: tuple[int, int], kind: tuple[int, int], random: Random) -> bytes:
    """Width and height, depth and colour type; interlaced or not."""
    return struct.pack(">IIBBBBB", *size, *kind, 0, 0, random.randint(0, 1))


def odd_header(random: Random) -> bytes:
    """Often the right size, often a kind that could be."""
    size = (
        (WIDTH, HEIGHT)
        if random.random() < 7 / 8
        else (random.choice(SIZES), random.choice(SIZES))
    )
    kind = (
        random.choice(PROBLEM_TYPES)
        if random.random() < 7 / 8
        else (random.randrange(256), random.randrange(256))
    )
    return header(size, kind, random)


def pixels(random: Random) -> bytes:
    """Enough for the largest kind of pixel. All are 0 to 4, valid filters wherever a row begins."""
    return random.randbytes(HEIGHT * (WIDTH * 8 + 8)).translate(FILTERS)


def change_header(chunks: Chunks, random: Random, _: Mutate) -> Chunks:
    """Another size, depth, colour type or interlacing."""
    return [(b"IHDR", odd_header(random)), *chunks[1:]]


def change_content(chunks: Chunks, random: Random, mutate: Mutate) -> Chunks:
    """Any bytes of any chunk."""
    place = random.randrange(len(chunks))
    kind, content = chunks[place]
    return [
        *chunks[:place],
        (kind, mutate(content, len(content) + 64)),
        *chunks[place + 1 :],
    ]


def change_kind(chunks: Chunks, random: Random, mutate: Mutate) -> Chunks:
    """A chunk's content under another name."""
    place = random.randrange(len(chunks))
    return [
        *chunks[:place],
        (mutate(chunks[place][0], 4).ljust(4)[:4], chunks[place][1]),
        *chunks[place + 1 :],
    ]


def change_pixels(chunks: Chunks, random: Random, mutate: Mutate) -> Chunks:
    """The data behind the compression; then in several chunks."""
    try:
        rows = zlib.decompressobj().decompress(
            b"".join(content for kind, content in chunks if kind == b"IDAT"), 2**16
        )
    except zlib.error:
        rows = pixels(random)
    packed_rows = zlib.compress(mutate(rows, len(rows) + 64), 1)
    cut = random.randrange(len(packed_rows))
    others = [other for other in chunks if other[0] != b"IDAT"]
    return [
        *others[:-1],
        (b"IDAT", packed_rows[:cut]),
        (b"IDAT", packed_rows[cut:]),
        *others[-1:],
    ]


def cut_content(chunks: Chunks, random: Random, _: Mutate) -> Chunks:
    """A chunk without its end."""
    place = random.randrange(len(chunks))
    kind, content = chunks[place]
    return [
        *chunks[:place],
        (kind, content[: random.randint(0, len(content))]),
        *chunks[place + 1 :],
    ]


def drop(chunks: Chunks, random: Random, _: Mutate) -> Chunks:
    """A chunk less."""
    place = random.randrange(len(chunks))
    return [*chunks[:place], *chunks[place + 1 :]] or picture(random)


def move(chunks: Chunks, random: Random, _: Mutate) -> Chunks:
    """A chunk twice, or in another order."""
    return (
        [*chunks, random.choice(chunks)]
        if random.random() < 1 / 2
        else random.sample(chunks, len(chunks))
    )


def insert(chunks: Chunks, random: Random, _: Mutate) -> Chunks:
    """Chunks that may be there, and some that may not."""
    place = random.randint(1, len(chunks))
    return [*chunks[:place], *random.choice(MAKERS)(random), *chunks[place:]]


def bomb(random: Random) -> bytes:
    """A few bytes that unpack to up to 8 MiB."""
    return packed(random.choice(("\0", "a", "😀")), 1 << random.randint(0, 21))


@functools.cache
def packed(character: str, count: int) -> bytes:
    """A character so many times over, compressed; the last makes Python keep each in four bytes."""
    return zlib.compress((character * count + "😀").encode(), 9)


def texts(random: Random) -> Chunks:
    """A text, or many and each under another name; compressed or not."""
    name, content = random.choice(NAMES), bomb(random)
    kind, start, text = random.choice(
        (
            (b"tEXt", b"\0", random.randbytes(64)),
            (b"zTXt", b"\0\0", content),
            (b"iTXt", b"\0\1\0en\0name\0", content),
            (b"iCCP", b"\0\0", content),
        )
    )
    copies = random.choice((0, 0, 0, 0, 0, 0, 0, 100))
    return [
        (kind, name + start + text),
        *((kind, b"%d" % copy + start + text) for copy in range(copies)),
    ]


def animation(random: Random) -> Chunks:
    """A part of an animated PNG, its frame in or out of the picture."""
    number, left, top = random.randint(0, 2), *random.choices((0, 0, 1, 2**31), k=2)
    frame = struct.pack(
        ">IIIIIHHBB", number, random.choice(SIZES), HEIGHT, left, top, 1, 0, 0, 0
    )
    count = struct.pack(">II", random.choice((0, 1, 2, 2**31)), 0)
    pieces = struct.pack(">I", number) + zlib.compress(pixels(random), 1)
    return random.sample(
        [(b"acTL", count), (b"fcTL", frame), (b"fdAT", pieces)], random.randint(1, 3)
    )


def colours(random: Random) -> Chunks:
    """What colours are, in the right length or another."""
    kind, length = random.choice(
        (
            (b"PLTE", 768),
            (b"tRNS", 256),
            (b"gAMA", 4),
            (b"cHRM", 32),
            (b"sRGB", 1),
            (b"pHYs", 9),
            (b"eXIf", 64),
        )
    )
    return [
        (kind, random.randbytes(random.choice((length, random.randint(0, length + 3)))))
    ]


def data(random: Random) -> Chunks:
    """A second header, pixels that unpack to more than a picture has, an early end, or far too many of each."""
    made = random.choice(
        (
            (b"IHDR", odd_header(random)),
            (b"IDAT", bomb(random)),
            (b"IDAT", b""),
            (b"IEND", b""),
        )
    )
    return [made] * random.choice((1, 1, 1, 1, 1, 1, 1, 1200))


EDITS: tuple[Edit, ...] = (
    change_header,
    change_content,
    change_kind,
    change_pixels,
    cut_content,
    drop,
    move,
    insert,
)
MAKERS: tuple[Maker, ...] = (texts, animation, colours, data)
