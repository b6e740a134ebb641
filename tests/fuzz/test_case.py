"""A case that is wrong, slow or large fails."""

import time

import numpy as np
import pytest
from numpy.typing import NDArray

from fuzz.case import (
    HEIGHT,
    MAX_BYTES,
    MAX_SECONDS,
    WIDTH,
    Reader,
    Records,
    check,
    read_fitted,
)
from service.imaging.errors import ImageError

IMAGE = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)


def fails(*_: object) -> NDArray[np.uint8]:
    """Raise an error other than ImageError."""
    raise ZeroDivisionError


def is_slow(*_: object) -> NDArray[np.uint8]:
    """Use too much processor time."""
    start = time.thread_time()
    while time.thread_time() < start + 1.5 * MAX_SECONDS:
        pass
    return IMAGE


def is_large(*_: object) -> NDArray[np.uint8]:
    """Use too much memory, free it and raise ImageError."""
    bytearray(b"1") * (MAX_BYTES + 1024 * 1024)
    raise ImageError("nothing to see here")


def is_large_in_numpy(*_: object) -> NDArray[np.uint8]:
    """Use too much memory in NumPy and return valid pixels."""
    return np.tile(IMAGE, (2 * MAX_BYTES // IMAGE.size, 1))[:HEIGHT]


def gives_another_shape(*_: object) -> NDArray[np.uint8]:
    """Return pixels of a wrong height."""
    return IMAGE[1:]


@pytest.mark.parametrize(
    ("read", "error"),
    [
        (fails, ZeroDivisionError),
        (is_slow, AssertionError),
        (is_large, AssertionError),
        (is_large_in_numpy, AssertionError),
        (gives_another_shape, AssertionError),
    ],
)
def test_a_broken_reader_fails(read: Reader, error: type[Exception]) -> None:
    """It fails each time: an earlier case hides nothing."""
    for _ in range(3):
        with pytest.raises(error):
            check(read, "", Records())


def test_the_reader_passes() -> None:
    """A rejected text is a case without an image."""
    records = Records()
    check(read_fitted, "not a PNG", records)

    assert (records.cases, records.images) == (1, 0)
    assert records.bytes < MAX_BYTES
