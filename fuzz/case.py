"""One case of the image codec, and the bounds that it must keep."""

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service.imaging.codec import ImageCodec, ImageLimits
from service.imaging.errors import ImageError
from service.imaging.pixels import ImageShape
from service.imaging.preprocessing import Fit

CHANNELS, HEIGHT, WIDTH = 1, 28, 28
MAX_SECONDS = 0.1
REPETITIONS = 3  # of a case that took longer
MAX_BYTES = 64 * 1024 * 1024
# The time grows with them; a busy machine must not look like a slow decoder.
MAX_PIXELS = 50_000
CODEC = ImageCodec(
    ImageShape(CHANNELS, HEIGHT, WIDTH),
    ImageLimits(max_bytes=2**24, max_pixels=MAX_PIXELS),
)
Decoder = Callable[[str], NDArray[np.uint8]]


@dataclass
class Records:
    """Number of cases so far, and the worst of them."""

    cases: int = 0
    images: int = 0
    seconds: float = 0.0
    bytes: int = 0

    def count(self, seconds: float, taken: int, *, image: bool) -> None:
        """Count a case; print when it was slower or larger than any before it."""
        self.cases += 1
        self.images += image
        if seconds > self.seconds or taken > self.bytes:
            self.seconds, self.bytes = (
                max(self.seconds, seconds),
                max(self.bytes, taken),
            )
            sys.stdout.write(f"{self}\n")


def decode_text(text: str, fit: Fit = "auto") -> NDArray[np.uint8]:
    """Return the pixels of an image in base64, uint8 (channels, height, width).

    Raises ImageError, and AssertionError for other pixels in a list of two plain PNGs.
    """
    image = CODEC.decode_one(text, fit)
    pair = [text, text]
    if CODEC.are_plain(pair):
        for pixels in CODEC.decode(pair, fit).pixels:
            if not np.array_equal(pixels, image.pixels):
                raise AssertionError("other pixels in a list")
    return image.pixels


def check(decode: Decoder, text: str, records: Records) -> None:
    """Decode a text, and raise AssertionError for wrong pixels or too high a cost.

    Neither pixels nor ImageError is a failure, too. Seconds are the thread's own: on a
    busy machine the clock counts other people's work. A text that takes too many is
    decoded again, and its best time counts: a slow case is slow each time, a machine
    that stands still is not. Bytes are the growth of the peak of resident memory:
    whichever allocator asks for them, and whoever swallows its refusal.
    """
    forget_peak()
    before = peak_bytes()
    pixels, seconds = timed(decode, text)
    taken = peak_bytes() - before
    if seconds > MAX_SECONDS:
        seconds = min(timed(decode, text)[1] for _ in range(REPETITIONS))

    records.count(seconds, taken, image=pixels is not None)
    if pixels is not None:
        expected = ((CHANNELS, HEIGHT, WIDTH), "uint8")
        if (pixels.shape, pixels.dtype.name) != expected:
            raise AssertionError(f"{pixels.dtype} {pixels.shape}")
    if seconds > MAX_SECONDS:
        raise AssertionError(f"{seconds:.3f} s")
    if taken > MAX_BYTES:
        raise AssertionError(f"{taken} bytes")


def timed(decode: Decoder, text: str) -> tuple[NDArray[np.uint8] | None, float]:
    """Return a text's pixels, None for an ImageError, and the time in seconds."""
    start = time.thread_time()
    try:
        pixels = decode(text)
    except ImageError:
        pixels = None
    return pixels, time.thread_time() - start


def forget_peak() -> None:
    """Reset the peak of resident memory to its present size.

    Linux; proc(5), clear_refs.
    """
    Path("/proc/self/clear_refs").write_bytes(b"5")


def peak_bytes() -> int:
    """Return the peak of resident memory."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
