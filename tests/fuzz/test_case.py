"""A case that is wrong, slow or too large is detected."""

import time

import numpy as np
import pytest
from numpy.typing import NDArray

from fuzz.case import (
    CHANNELS,
    HEIGHT,
    MAX_BYTES,
    MAX_SECONDS,
    WIDTH,
    Decoder,
    Records,
    check,
    decode_text,
)
from service.imaging.errors import ImageError

IMAGE = np.zeros((CHANNELS, HEIGHT, WIDTH), dtype=np.uint8)


def fails(*_: object) -> NDArray[np.uint8]:
    """A decoder that does not handle one kind of damage."""
    raise ZeroDivisionError


def is_slow(*_: object) -> NDArray[np.uint8]:
    """A decoder that computes for too long."""
    start = time.thread_time()
    while time.thread_time() < start + 1.5 * MAX_SECONDS:
        pass
    return IMAGE


def is_large(*_: object) -> NDArray[np.uint8]:
    """A decoder that allocates too much memory, frees it and raises ImageError."""
    bytearray(b"1") * (MAX_BYTES + 1024 * 1024)
    raise ImageError("nothing to see here")


def is_large_in_numpy(*_: object) -> NDArray[np.uint8]:
    """A decoder that makes far more pixels than it returns."""
    return np.tile(IMAGE, (1, 2 * MAX_BYTES // IMAGE.size, 1))[:, :HEIGHT]


def returns_another_shape(*_: object) -> NDArray[np.uint8]:
    """A decoder that does not fit the image to the model's shape."""
    return IMAGE[:, 1:]


@pytest.mark.parametrize(
    ("decode", "error"),
    [
        (fails, ZeroDivisionError),
        (is_slow, AssertionError),
        (is_large, AssertionError),
        (is_large_in_numpy, AssertionError),
        (returns_another_shape, AssertionError),
    ],
)
def test_a_broken_decoder_is_detected(decode: Decoder, error: type[Exception]) -> None:
    """Detection repeats: an earlier case hides nothing."""
    for _ in range(3):
        with pytest.raises(error):
            check(decode, "", Records())


def test_the_codec_passes() -> None:
    """An ImageError is counted as a case without an image."""
    records = Records()
    check(decode_text, "not a PNG", records)

    assert (records.cases, records.images) == (1, 0)
    assert records.bytes < MAX_BYTES
