"""New files are valid images; mutations are bounded and repeatable."""

import base64
from random import Random

import pytest

from fuzz.case import CHANNELS, HEIGHT, WIDTH, decode_text
from fuzz.file_mutator import file_in, mutate_file, new_file
from tests.fuzz.test_png_mutator import SEEDS, flip


@pytest.mark.parametrize("seed", SEEDS)
def test_a_new_file_is_read(seed: int) -> None:
    """Any format, mode, size and number of frames is read."""
    text = base64.b64encode(new_file(Random(seed)))

    assert decode_text(text.decode(), "resize").shape == (CHANNELS, HEIGHT, WIDTH)


def test_a_mutation_is_bounded_and_repeatable() -> None:
    """The same seed gives the same text; PNGs are not taken as a start."""
    for seed in SEEDS:
        text = mutate_file(b"", 50_000, Random(seed), flip)

        assert text == mutate_file(b"", 50_000, Random(seed), flip)
        assert len(mutate_file(text, 50_000, Random(seed), flip)) <= 50_000
    assert file_in(base64.b64encode(b"\x89PNG")) == file_in(b"A") == b""
