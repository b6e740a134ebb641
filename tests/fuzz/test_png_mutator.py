"""What is made for the image reader gets as far into it as it should."""

import base64
from random import Random

import pytest

from fuzz.case import CHANNELS, HEIGHT, WIDTH, decode_text
from fuzz.png_mutator import EDITS, Edit, chunks_of, content_of, mutate_text, picture
from service.imaging.plain_png import END, SIGNATURE
from service.imaging.png_chunks import chunks

SEEDS = range(100)


def flip(content: bytes, most: int) -> bytes:
    """A mutation like libFuzzer's: another first byte, and no more than may be."""
    return bytes(byte ^ 1 for byte in content[:1]) + content[1:most]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_picture_is_read(seed: int) -> None:
    """Whatever its depth, colour type, palette and interlacing."""
    text = base64.b64encode(content_of(picture(Random(seed))))

    assert decode_text(text.decode()).shape == (CHANNELS, HEIGHT, WIDTH)


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_picture_has_the_right_checksums(edit: Edit) -> None:
    """So that what is wrong with it is found behind them."""
    for seed in SEEDS:
        random = Random(seed)
        edited = [
            (kind, content)
            for kind, content in edit(picture(random), random, flip)
            if kind != b"IEND"
        ]

        assert list(chunks(content_of(edited[:900]) + END)) == edited[:900]


def test_the_same_seed_makes_the_same_text() -> None:
    """From nothing as from a picture, and never a longer one than may be."""
    for seed in SEEDS:
        text = mutate_text(b"", 4096, Random(seed), flip)

        assert text == mutate_text(b"", 4096, Random(seed), flip)
        assert len(mutate_text(text, 4096, Random(seed), flip)) <= 4096


def test_chunks_are_found_again() -> None:
    """A text that is no PNG has none."""
    made = picture(Random(0))

    assert (
        chunks_of(b"data:image/png;base64," + base64.b64encode(content_of(made)))
        == made
    )
    assert chunks_of(b"A") == chunks_of(base64.b64encode(SIGNATURE)) == []
