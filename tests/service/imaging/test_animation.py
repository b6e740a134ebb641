"""Animations show each frame unchanged, for the time and the number of loops given."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageSequence

from service.imaging.animation import write_apng, write_gif, write_webp
from service.imaging.pixels import Pixels

counts = st.integers(2, 6)
sides = st.integers(1, 20)
grey_shapes = st.tuples(counts, st.just(1), sides, sides)
colour_shapes = st.tuples(counts, st.just(3), sides, sides)
grey_frames = grey_shapes.flatmap(lambda shape: arrays(np.uint8, shape))
colour_frames = colour_shapes.flatmap(lambda shape: arrays(np.uint8, shape))
small_sides = st.integers(1, 16)
few_colour_shapes = st.tuples(counts, st.just(3), small_sides, small_sides)
few_colour_frames = few_colour_shapes.flatmap(lambda shape: arrays(np.uint8, shape))
durations = st.integers(20, 10_000)
loops = st.integers(0, 65535)
Writer = Callable[[Pixels, int, int], bytes]


def read(content: bytes, channels: int = 1) -> tuple[Pixels, list[int], int]:
    """Return frames, their durations in ms and the loop, as Pillow reads them."""
    mode = {1: "L", 3: "RGB"}[channels]
    frames, shown_ms = [], []
    with Image.open(io.BytesIO(content)) as image:
        for frame in ImageSequence.Iterator(image):
            pixels = np.asarray(frame.convert(mode))
            frames.append(pixels.reshape(*pixels.shape[:2], channels))
            shown_ms.append(round(frame.info["duration"]))
        loop: int = image.info.get("loop", 1)
        # GIF counts repetitions.
        if image.format == "GIF" and "loop" in image.info and loop > 0:
            loop += 1
    return np.array(frames).transpose(0, 3, 1, 2), shown_ms, loop


@pytest.mark.parametrize("write", [write_gif, write_apng])
@given(frames=grey_frames, duration_ms=durations, loop=loops)
def test_every_grey_frame_is_shown_unchanged(
    write: Writer, frames: Pixels, duration_ms: int, loop: int
) -> None:
    """This holds for equal frames, too; GIF rounds to hundredths of a second."""
    shown, shown_ms, shown_loop = read(write(frames, duration_ms, loop))

    assert np.array_equal(shown, frames)
    assert shown_loop == loop
    exact = (duration_ms + 5) // 10 * 10 if write is write_gif else duration_ms
    assert shown_ms == [exact] * len(frames)


@given(frames=grey_frames, duration_ms=durations, loop=loops)
def test_every_frame_of_a_webp_is_shown_unchanged(
    frames: Pixels, duration_ms: int, loop: int
) -> None:
    """Frames differ from the one before here; libwebp merges equal frames."""
    frames[:, 0, 0, 0] = np.arange(len(frames))
    shown, shown_ms, shown_loop = read(write_webp(frames, duration_ms, loop))

    assert np.array_equal(shown, frames)
    assert shown_ms == [duration_ms] * len(frames)
    assert shown_loop == loop


@pytest.mark.parametrize("write", [write_apng, write_webp])
@given(frames=colour_frames)
def test_every_colour_frame_is_shown_unchanged(write: Writer, frames: Pixels) -> None:
    """APNG and WebP keep three channels."""
    frames[:, :, 0, 0] = np.arange(len(frames))[:, np.newaxis]
    shown, _, _ = read(write(frames, 100, 0), channels=3)

    assert np.array_equal(shown, frames)


@given(frames=few_colour_frames, duration_ms=durations, loop=loops)
def test_a_gif_frame_of_few_colours_is_shown_unchanged(
    frames: Pixels, duration_ms: int, loop: int
) -> None:
    """Each frame has a palette of its own, of up to 256 colours."""
    shown, shown_ms, shown_loop = read(write_gif(frames, duration_ms, loop), channels=3)

    assert np.array_equal(shown, frames)
    assert shown_loop == loop
    assert shown_ms == [(duration_ms + 5) // 10 * 10] * len(frames)


def test_a_gif_frame_of_many_colours_is_close() -> None:
    """256 of 4,096 colours are within 8 levels on average."""
    ramp = np.linspace(0, 255, 64).astype(np.uint8)
    frame = np.array(
        [np.tile(ramp, (64, 1)), np.tile(ramp, (64, 1)).T, np.full((64, 64), 90)]
    )
    frames = np.array([frame, 255 - frame]).astype(np.uint8)
    shown, _, _ = read(write_gif(frames, 100, 0), channels=3)

    assert np.abs(shown.astype(int) - frames).mean() < 8


@pytest.mark.parametrize(
    ("write", "name"), [(write_gif, "GIF"), (write_apng, "PNG"), (write_webp, "WEBP")]
)
def test_many_equal_frames_are_written(write: Writer, name: str) -> None:
    """The durations of equal frames are not added up in a field of 16 bits."""
    content = write(np.full((300, 1, 2, 3), 7, dtype=np.uint8), 10_000, 0)

    with Image.open(io.BytesIO(content)) as image:
        assert (image.format, image.size) == (name, (3, 2))
        assert np.asarray(image.convert("L")).tolist() == [[7] * 3] * 2
