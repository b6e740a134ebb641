"""Generated PNGs are valid; mutations have valid checksums and are repeatable."""

import base64
from random import Random

import pytest

from fuzz.case import CHANNELS, HEIGHT, WIDTH, decode_text
from fuzz.png_chunks import chunks_of, content_of, new_png
from fuzz.png_edits import EDITS, Edit
from fuzz.png_mutator import mutate_text
from service.imaging.plain_png import END, SIGNATURE
from service.imaging.png_chunks import chunks

SEEDS = range(100)


def flip(content: bytes, limit: int) -> bytes:
    """Mutate as libFuzzer does: change the first byte, and cut to the limit."""
    return bytes(byte ^ 1 for byte in content[:1]) + content[1:limit]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_new_image_is_read(seed: int) -> None:
    """Any bit depth, colour type, palette and interlacing is read."""
    text = base64.b64encode(content_of(new_png(Random(seed))))

    assert decode_text(text.decode(), "resize").shape == (CHANNELS, HEIGHT, WIDTH)


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_image_has_valid_checksums(edit: Edit) -> None:
    """The service's own chunk reader returns every edited chunk."""
    for seed in SEEDS:
        random = Random(seed)
        edited = [
            (kind, content)
            for kind, content in edit(new_png(random), random, flip)
            if kind != b"IEND"
        ]

        assert list(chunks(content_of(edited[:900]) + END)) == edited[:900]


def test_a_mutation_is_bounded_and_repeatable() -> None:
    """The same seed gives the same text, from nothing and from an image."""
    for seed in SEEDS:
        text = mutate_text(b"", 4096, Random(seed), flip)

        assert text == mutate_text(b"", 4096, Random(seed), flip)
        assert len(mutate_text(text, 4096, Random(seed), flip)) <= 4096


def test_chunks_are_read_back() -> None:
    """A text that is not a PNG has no chunks."""
    made = new_png(Random(0))

    assert (
        chunks_of(b"data:image/png;base64," + base64.b64encode(content_of(made)))
        == made
    )
    assert chunks_of(b"A") == chunks_of(base64.b64encode(SIGNATURE)) == []
