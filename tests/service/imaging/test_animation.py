"""Frames in, the same frames out, for as long and as often as was said."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from service.imaging.animation import Frames, write_apng, write_gif, write_webp

sizes = st.tuples(st.integers(2, 6), st.integers(1, 20), st.integers(1, 20))
frames = sizes.flatmap(lambda size: arrays(np.uint8, size))
Writer = Callable[[Frames, int, int], bytes]


def read(content: bytes) -> tuple[NDArray[np.uint8], list[int], int]:
    """The frames of a file, the milliseconds of each, and how often it is played, as Pillow reads them."""
    with Image.open(io.BytesIO(content)) as image:
        shown = [
            (np.asarray(frame.convert("L")), frame.info["duration"])
            for frame in ImageSequence.Iterator(image)
        ]
        played: int = image.info.get("loop", 1)
        if (
            image.format == "GIF" and "loop" in image.info
        ):  # it tells how often it is played again
            played = played and played + 1
    return (
        np.array([pixels for pixels, _ in shown]),
        [round(duration) for _, duration in shown],
        played,
    )


@pytest.mark.parametrize("write", [write_gif, write_apng])
@given(pixels=frames, duration_ms=st.integers(20, 10_000), loop=st.integers(0, 65535))
def test_every_frame_comes_back(
    write: Writer, pixels: Frames, duration_ms: int, loop: int
) -> None:
    """Each as it was, even where it is the same as the one before; GIF counts in hundredths of a second."""
    shown, durations, played = read(write(pixels, duration_ms, loop))

    assert np.array_equal(shown, pixels)
    assert played == loop
    exact = (duration_ms + 5) // 10 * 10 if write is write_gif else duration_ms
    assert durations == [exact] * len(pixels)


@given(pixels=frames, duration_ms=st.integers(20, 10_000), loop=st.integers(0, 65535))
def test_every_frame_of_a_webp_comes_back(
    pixels: Frames, duration_ms: int, loop: int
) -> None:
    """Frames that differ from the one before; libwebp shows one longer that is the same."""
    pixels[:, 0, 0] = np.arange(len(pixels))
    shown, durations, played = read(write_webp(pixels, duration_ms, loop))

    assert np.array_equal(shown, pixels)
    assert durations == [duration_ms] * len(pixels)
    assert played == loop


@pytest.mark.parametrize(
    ("write", "name"), [(write_gif, "GIF"), (write_apng, "PNG"), (write_webp, "WEBP")]
)
def test_a_long_standstill_is_written(write: Writer, name: str) -> None:
    """No field overflows: the times of frames that are the same are not added up in one of 16 bits."""
    content = write(np.full((300, 2, 3), 7, dtype=np.uint8), 10_000, 0)

    with Image.open(io.BytesIO(content)) as image:
        assert (image.format, image.size) == (name, (3, 2))
        assert np.asarray(image.convert("L")).tolist() == [[7] * 3] * 2
