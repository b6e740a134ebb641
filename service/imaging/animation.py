"""Grey frames, uint8 (count, height, width), as a moving picture that gives each pixel back as it was.

``duration_ms`` is the time of a frame, ``loop`` how often all are played, 0 for ever. GIF and APNG are put together
here, from frames that are compressed whole: Pillow compares each with the one before, which takes 40 and 9 times as
long and came out larger, and joins those that are the same.
"""

import io
import struct

import numpy as np
from numpy.typing import NDArray
from PIL import Image, WebPImagePlugin

from service.imaging.plain_png import END, beginning, chunk, deflate

Frames = NDArray[np.uint8]
GREYS = bytes(level for level in range(256) for _ in "RGB")


def write_gif(frames: Frames, duration_ms: int, loop: int) -> bytes:
    """A GIF89a (W3C, "Graphics Interchange Format, Version 89a") of all greys; it counts in hundredths of a second."""
    _, height, width = frames.shape
    screen = struct.pack(
        "<HHBBB", width, height, 0b1_111_0_111, 0, 0
    )  # with 256 colours of 8 bits
    control = b"!\xf9\x04" + struct.pack("<BHBB", 0, (duration_ms + 5) // 10, 0, 0)
    place = b"," + struct.pack("<HHHHBB", 0, 0, width, height, 0, 8)
    data = (
        Image.fromarray(frame).tobytes("gif", "L", 8, 0) for frame in frames
    )  # compressed
    blocks = (control + place + each + b"\0" for each in data)
    return b"".join((b"GIF89a", screen, GREYS, gif_loop(loop), *blocks, b";"))


def gif_loop(loop: int) -> bytes:
    """Netscape's extension, which tells how often a GIF is played again; without it, it is played once."""
    return (
        b""
        if loop == 1
        else b"!\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<HB", max(loop - 1, 0), 0)
    )


def write_apng(frames: Frames, duration_ms: int, loop: int) -> bytes:
    """An animated PNG (PNG 3, 11.3.6)."""
    count, height, width = frames.shape
    parts = [beginning(height, width), chunk(b"acTL", struct.pack(">II", count, loop))]
    number = 0  # of the chunks that make the animation
    for index, data in enumerate(deflate(frames)):
        control = struct.pack(
            ">IIIIIHHBB", number, width, height, 0, 0, duration_ms, 1000, 0, 0
        )
        number += 1
        if index == 0:
            parts += chunk(b"fcTL", control), chunk(b"IDAT", data)
        else:
            parts += chunk(b"fcTL", control), chunk(b"fdAT", number.to_bytes(4) + data)
            number += 1
    return b"".join((*parts, END))


def write_webp(frames: Frames, duration_ms: int, loop: int) -> bytes:
    """An animated WebP, lossless, with the least effort: more takes three times as long for the same size."""
    first, *rest = (Image.fromarray(frame) for frame in frames)
    how = {
        "save_all": True,
        "append_images": rest,
        "duration": duration_ms,
        "loop": loop,
        "lossless": True,
    }
    effort = {"quality": 0, "method": 0, "kmax": 0}
    content = io.BytesIO()
    first.save(content, WebPImagePlugin.WebPImageFile.format, **how, **effort)
    return content.getvalue()
