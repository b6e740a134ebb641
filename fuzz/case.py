"""One case of the image reader, and the limits that it must meet."""

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
REPETITIONS = 3  # of a case that took longer
MAX_BYTES = 64 * 1024 * 1024
# Few, because the time grows with them: a busy machine must not look like a slow
# reader.
MAX_PIXELS = 100_000

Pixels = NDArray[np.uint8]
Reader = Callable[[str, int, int], Pixels]


@dataclass
class Records:
    """Number of cases, and the highest costs among them."""

    cases: int = 0
    images: int = 0
    seconds: float = 0.0
    bytes: int = 0

    def count(
        self,
        seconds: float,
        memory: int,
        *,
        image: bool,
    ) -> None:
        """Count a case; print the records if it sets a new one."""
        self.cases += 1
        self.images += image
        if seconds > self.seconds or memory > self.bytes:
            self.seconds = max(self.seconds, seconds)
            self.bytes = max(self.bytes, memory)
            sys.stdout.write(f"{self}\n")


def read_fitted(
    text: str,
    height: int,
    width: int,
) -> Pixels:
    """Return the pixels that the service reads from a text.

    Raise AssertionError if the fast path, in a list of two, reads other pixels.
    """
    pixels = read_image(text, height, width, MAX_PIXELS, "auto").pixels
    for image in read_plain_images([text, text], height, width):
        if not isinstance(image, DecodedImage):
            continue
        if not np.array_equal(image.pixels, pixels):
            raise AssertionError("other pixels in a list")
    return pixels


def check(
    read: Reader,
    text: str,
    records: Records,
) -> None:
    """Read a text.

    Raise AssertionError if it returns no valid pixels and raises no ImageError, or if
    it exceeds the limits of time and memory.

    The time is the thread's own: on a busy machine the clock also counts the work of
    others. A case that takes too long is read again and its lowest time counts: a slow
    case is slow each time, a machine that stalls is not. The memory is the growth of
    the peak of resident memory, whichever allocator asks for it and whoever catches
    a MemoryError.
    """
    reset_peak()
    before = peak_bytes()
    pixels, seconds = timed(read, text)
    memory = peak_bytes() - before
    if seconds > MAX_SECONDS:
        repetitions = [timed(read, text) for _ in range(REPETITIONS)]
        seconds = min(seconds for _, seconds in repetitions)

    records.count(seconds, memory, image=pixels is not None)
    if pixels is not None:
        check_pixels(pixels)
    if seconds > MAX_SECONDS:
        raise AssertionError(f"{seconds:.3f} s")
    if memory > MAX_BYTES:
        raise AssertionError(f"{memory} bytes")


def check_pixels(pixels: Pixels) -> None:
    """Raise AssertionError if an array is not uint8 (height, width)."""
    if pixels.shape != (HEIGHT, WIDTH) or pixels.dtype != np.uint8:
        raise AssertionError(f"{pixels.dtype} {pixels.shape}")


def timed(read: Reader, text: str) -> tuple[Pixels | None, float]:
    """Return pixels and the seconds of reading; None if the text is rejected."""
    start = time.thread_time()
    try:
        pixels = read(text, HEIGHT, WIDTH)
    except ImageError:
        pixels = None
    return pixels, time.thread_time() - start


def reset_peak() -> None:
    """Set the peak of resident memory to what is resident now.

    Linux only: proc(5), clear_refs.
    """
    Path("/proc/self/clear_refs").write_bytes(b"5")


def peak_bytes() -> int:
    """Return the peak of resident memory."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_maxrss * 1024
