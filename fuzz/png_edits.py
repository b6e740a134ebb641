"""Edits that make one thing of a PNG invalid or unusual."""

import zlib
from collections.abc import Callable
from random import Random

from fuzz.png_chunks import Chunks, new_png, pixels
from fuzz.png_extras import EXTRAS, odd_header

# libFuzzer's own mutation, of content to at most so many bytes.
Mutate = Callable[[bytes, int], bytes]
Edit = Callable[[Chunks, Random, Mutate], Chunks]

MAX_GROWTH = 64  # bytes added to a chunk's content
MAX_PIXEL_BYTES = 2**16


def replace(
    chunks: Chunks,
    place: int,
    kind: bytes,
    content: bytes,
) -> Chunks:
    """Return the chunks with another one at a place."""
    edited = chunks.copy()
    edited[place] = kind, content
    return edited


def change_header(
    chunks: Chunks,
    random: Random,
    _: Mutate,
) -> Chunks:
    """Change size, bit depth, colour type or interlacing."""
    return [(b"IHDR", odd_header(random)), *chunks[1:]]


def change_content(
    chunks: Chunks,
    random: Random,
    mutate: Mutate,
) -> Chunks:
    """Change bytes of any chunk's content."""
    place = random.randrange(len(chunks))
    kind, content = chunks[place]
    limit = len(content) + MAX_GROWTH
    return replace(chunks, place, kind, mutate(content, limit))


def change_kind(
    chunks: Chunks,
    random: Random,
    mutate: Mutate,
) -> Chunks:
    """Change the type of a chunk."""
    place = random.randrange(len(chunks))
    kind, content = chunks[place]
    changed = mutate(kind, 4).ljust(4)
    return replace(chunks, place, changed[:4], content)


def change_pixels(
    chunks: Chunks,
    random: Random,
    mutate: Mutate,
) -> Chunks:
    """Change the pixels before compression, and split them into two chunks."""
    rows = read_pixels(chunks, random)
    changed = mutate(rows, len(rows) + MAX_GROWTH)
    data = zlib.compress(changed, 1)
    cut = random.randrange(len(data))
    others = [other for other in chunks if other[0] != b"IDAT"]
    edited = others[:-1]
    edited.append((b"IDAT", data[:cut]))
    edited.append((b"IDAT", data[cut:]))
    edited += others[-1:]
    return edited


def read_pixels(chunks: Chunks, random: Random) -> bytes:
    """Return the decompressed pixels; random ones if they cannot be read."""
    contents = [content for kind, content in chunks if kind == b"IDAT"]
    data = b"".join(contents)
    try:
        return zlib.decompressobj().decompress(data, MAX_PIXEL_BYTES)
    except zlib.error:
        return pixels(random)


def cut_content(
    chunks: Chunks,
    random: Random,
    _: Mutate,
) -> Chunks:
    """Remove the end of a chunk's content."""
    place = random.randrange(len(chunks))
    kind, content = chunks[place]
    length = random.randint(0, len(content))
    return replace(chunks, place, kind, content[:length])


def drop(
    chunks: Chunks,
    random: Random,
    _: Mutate,
) -> Chunks:
    """Remove a chunk; replace the last one by a new image."""
    place = random.randrange(len(chunks))
    edited = chunks.copy()
    del edited[place]
    if not edited:
        return new_png(random)
    return edited


def move(
    chunks: Chunks,
    random: Random,
    _: Mutate,
) -> Chunks:
    """Repeat a chunk at the end, or change the order."""
    if random.random() < 1 / 2:
        return [*chunks, random.choice(chunks)]
    return random.sample(chunks, len(chunks))


def insert(
    chunks: Chunks,
    random: Random,
    _: Mutate,
) -> Chunks:
    """Insert optional chunks, and some that are not allowed."""
    place = random.randint(1, len(chunks))
    make = random.choice(EXTRAS)
    edited = chunks.copy()
    edited[place:place] = make(random)
    return edited


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
