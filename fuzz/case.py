"""One case of the image reader, and what it must keep to."""

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service.imaging.errors import ImageError
from service.imaging.reader import DecodedImage, read_image, read_plain_images

HEIGHT, WIDTH = 28, 28
MAX_SECONDS = 0.1
AGAIN = 3  # readings of a case that took longer
MAX_BYTES = 64 * 1024 * 1024
MAX_PIXELS = (
    100_000  # the time grows with them; a busy machine must not look like a slow reader
)
Reader = Callable[[str, int, int], NDArray[np.uint8]]


@dataclass
class Records:
    """How many cases there were, and the worst of them."""

    cases: int = 0
    images: int = 0
    seconds: float = 0.0
    bytes: int = 0

    def count(self, seconds: float, taken: int, *, image: bool) -> None:
        """Count a case; tell when it was slower or larger than any before it."""
        self.cases += 1
        self.images += image
        if seconds > self.seconds or taken > self.bytes:
            self.seconds, self.bytes = (
                max(self.seconds, seconds),
                max(self.bytes, taken),
            )
            sys.stdout.write(f"{self}\n")


def read_fitted(text: str, height: int, width: int) -> NDArray[np.uint8]:
    """What the service reads from a text, without what it did to it; the same in a list of two."""
    pixels = read_image(text, height, width, MAX_PIXELS, "auto").pixels
    for each in read_plain_images([text, text], height, width):
        if isinstance(each, DecodedImage) and not np.array_equal(each.pixels, pixels):
            raise AssertionError("other pixels in a list")
    return pixels


def check(read: Reader, text: str, records: Records) -> None:
    """Read a text. Raises AssertionError when that gives no image or ImageError, or costs more than a case may.

    Seconds are the thread's own: on a busy machine the clock counts other people's work. What takes too many is read
    again, and its best time counts: a slow case is slow each time, a machine that stands still is not. Bytes are what
    the peak of resident memory grows by: whichever allocator asks for them, and whoever swallows its refusal.
    """
    forget_peak()
    before = peak_bytes()
    pixels, seconds = timed(read, text)
    taken = peak_bytes() - before
    if seconds > MAX_SECONDS:
        seconds = min(timed(read, text)[1] for _ in range(AGAIN))

    records.count(seconds, taken, image=pixels is not None)
    if pixels is not None and (pixels.shape, pixels.dtype.name) != (
        (HEIGHT, WIDTH),
        "uint8",
    ):
        raise AssertionError(f"{pixels.dtype} {pixels.shape}")
    if seconds > MAX_SECONDS:
        raise AssertionError(f"{seconds:.3f} s")
    if taken > MAX_BYTES:
        raise AssertionError(f"{taken} bytes")


def timed(read: Reader, text: str) -> tuple[NDArray[np.uint8] | None, float]:
    """What is read from a text, None where it is refused, and the seconds that this took."""
    start = time.thread_time()
    try:
        pixels = read(text, HEIGHT, WIDTH)
    except ImageError:
        pixels = None
    return pixels, time.thread_time() - start


def forget_peak() -> None:
    """Let the peak of resident memory be what is resident now (Linux; proc(5), clear_refs)."""
    Path("/proc/self/clear_refs").write_bytes(b"5")


def peak_bytes() -> int:
    """The peak of resident memory."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
