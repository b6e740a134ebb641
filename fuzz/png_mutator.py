"""Mutation of base64 PNGs: a few edits of the chunks, with valid checksums.

Valid checksums let an edit reach the code behind their verification.
"""

import base64
from random import Random

from fuzz.png_chunks import chunks_of, content_of, new_png
from fuzz.png_edits import EDITS, Mutate

PREFIXES = (b"", b"", b"data:image/png;base64,")


def mutate_text(
    text: bytes,
    limit: int,
    random: Random,
    mutate: Mutate,
) -> bytes:
    """Return another base64 PNG of at most ``limit`` bytes.

    It is made from ``text``, or sometimes from a new image.
    """
    if random.random() < 1 / 16:
        return mutate(text, limit)
    chunks = []
    if random.random() < 7 / 8:
        chunks = chunks_of(text)
    if not chunks:
        chunks = new_png(random)
    for _ in range(random.randint(1, 4)):
        edit = random.choice(EDITS)
        chunks = edit(chunks, random, mutate)
    content = content_of(chunks)
    if random.random() < 1 / 16:
        content = mutate(content, limit)
    mutated = random.choice(PREFIXES) + base64.b64encode(content)
    if len(mutated) > limit:
        return text
    return mutated
