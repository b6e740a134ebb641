"""Animations of frames uint8 (count, channels, height, width), lossless but for GIF.

A GIF of frames in color has at most 256 colors a frame.

``duration_ms`` is the time of one frame; ``loop`` is the number of times that all
frames are played, 0 for forever. GIF and APNG are written here, and each frame is
compressed by itself: Pillow compares each frame with the previous one, which takes 40
and 9 times as long, makes larger files, and merges equal frames.
"""

import io
import struct

import numpy as np
from PIL import Image, WebPImagePlugin

from service.imaging.pixels import Pixels, images_from_pixels
from service.imaging.plain_png import END, chunk, compress_rows, plain_header

PALETTE_COLORS = 256
PALETTE_BYTES = 3 * PALETTE_COLORS
GREY_LEVELS = np.arange(256, dtype=np.uint8)
GREY_PALETTE = GREY_LEVELS.repeat(3).tobytes()
# A palette of 256 colors, 8 bits each, not sorted: of all frames, or of a frame.
GIF_GLOBAL_PALETTE = 0b1_111_0_111
GIF_LOCAL_PALETTE = 0b1_0_0_00_111
# Colors of 8 bits, no global palette.
GIF_NO_PALETTE = 0b0_111_0_000
GIF_CODE_BITS = 8  # of a pixel, before compression
MS_PER_GIF_DELAY = 10  # GIF counts in hundredths of a second
MS_PER_SECOND = 1000


def write_gif(
    frames: Pixels,
    duration_ms: int,
    loop: int,
) -> bytes:
    """Return frames as a GIF (W3C, "Graphics Interchange Format, Version 89a").

    The duration is rounded to hundredths of a second. Frames in color have a palette
    each.
    """
    _, channels, height, width = frames.shape
    is_grey = channels == 1
    control = gif_control(duration_ms)
    parts = [b"GIF89a"]
    if is_grey:
        parts.append(gif_screen(width, height, GIF_GLOBAL_PALETTE))
        parts.append(GREY_PALETTE)
    else:
        parts.append(gif_screen(width, height, GIF_NO_PALETTE))
    parts.append(gif_loop(loop))
    for image in images_from_pixels(frames):
        parts.append(control)
        parts.append(gif_grey_frame(image) if is_grey else gif_color_frame(image))
    parts.append(b";")
    return b"".join(parts)


def gif_grey_frame(image: Image.Image) -> bytes:
    """Return a grey frame, whose levels are indices of the global palette."""
    descriptor = gif_descriptor(image.width, image.height, 0)
    data = gif_data(image)
    return descriptor + data


def gif_color_frame(image: Image.Image) -> bytes:
    """Return a frame in color with the palette that suits it best."""
    reduced = image.quantize(PALETTE_COLORS, dither=Image.Dither.NONE)
    colors = bytes(reduced.getpalette() or ())
    palette = colors.ljust(PALETTE_BYTES, b"\0")
    descriptor = gif_descriptor(image.width, image.height, GIF_LOCAL_PALETTE)
    data = gif_data(reduced)
    return descriptor + palette + data


def gif_data(image: Image.Image) -> bytes:
    """Return the compressed indices of a frame's pixels."""
    data = image.tobytes("gif", image.mode, GIF_CODE_BITS, 0)
    return bytes((GIF_CODE_BITS,)) + data + b"\0"


def gif_screen(width: int, height: int, flags: int) -> bytes:
    """Return the logical screen descriptor."""
    return struct.pack(
        "<HHBBB",
        width,
        height,
        flags,
        0,  # background color
        0,  # aspect ratio of a pixel: not given
    )


def gif_loop(loop: int) -> bytes:
    """Return Netscape's extension, which says how often a GIF is repeated.

    A GIF without it is played once.
    """
    if loop == 1:
        return b""
    repeats = max(loop - 1, 0)
    fields = struct.pack("<HB", repeats, 0)
    return b"!\xff\x0bNETSCAPE2.0\x03\x01" + fields


def gif_control(duration_ms: int) -> bytes:
    """Return the graphic control extension of a frame."""
    half = MS_PER_GIF_DELAY // 2
    delay = (duration_ms + half) // MS_PER_GIF_DELAY
    fields = struct.pack(
        "<BHBB",
        0,  # flags: no disposal, no transparency
        delay,
        0,  # transparent colour
        0,  # end of the extension
    )
    return b"!\xf9\x04" + fields


def gif_descriptor(width: int, height: int, flags: int) -> bytes:
    """Return the descriptor of a frame that fills the screen."""
    fields = struct.pack(
        "<HHHHB",
        0,  # left
        0,  # top
        width,
        height,
        flags,
    )
    return b"," + fields


def write_apng(
    frames: Pixels,
    duration_ms: int,
    loop: int,
) -> bytes:
    """Return frames as an animated PNG (PNG 3, 11.3.6)."""
    count, channels, height, width = frames.shape
    header = plain_header(channels, height, width)
    animation = struct.pack(">II", count, loop)
    control = apng_control(width, height, duration_ms)
    parts = [header, chunk(b"acTL", animation)]
    number = 0  # of the next fcTL or fdAT
    for data in compress_rows(frames):
        is_first = number == 0
        numbered_control = number.to_bytes(4) + control
        parts.append(chunk(b"fcTL", numbered_control))
        number += 1
        if is_first:
            parts.append(chunk(b"IDAT", data))
        else:
            numbered_data = number.to_bytes(4) + data
            parts.append(chunk(b"fdAT", numbered_data))
            number += 1
    parts.append(END)
    return b"".join(parts)


def apng_control(
    width: int,
    height: int,
    duration_ms: int,
) -> bytes:
    """Return a frame control's fields after the sequence number."""
    return struct.pack(
        ">IIIIHHBB",
        width,
        height,
        0,  # left
        0,  # top
        duration_ms,
        MS_PER_SECOND,  # unit of the duration, as a fraction's denominator
        0,  # disposal: none
        0,  # blending: overwrite
    )


def write_webp(
    frames: Pixels,
    duration_ms: int,
    loop: int,
) -> bytes:
    """Return frames as an animated, lossless WebP."""
    images = images_from_pixels(frames)
    content = io.BytesIO()
    images[0].save(
        content,
        format=WebPImagePlugin.WebPImageFile.format,
        save_all=True,
        append_images=images[1:],
        duration=duration_ms,
        loop=loop,
        lossless=True,
        # The least effort: more takes three times as long for the same size.
        quality=0,
        method=0,
        kmax=0,
    )
    return content.getvalue()
