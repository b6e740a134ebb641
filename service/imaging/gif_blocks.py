"""Size and first frame of a GIF (W3C, "Graphics Interchange Format, Version 89a")."""

import struct

from service.imaging.errors import damaged

SIGNATURE = b"GIF8"
HEADER_BYTES = 13
CONTROL_START = b"!\xf9\x04"  # graphic control extension, with 4 bytes of data
EXTENSION, FRAME = ord("!"), ord(",")
MAX_BLOCKS = 1000  # before the first frame
COLOURS_FLAG, COLOURS_MASK = 0x80, 0x07
TRANSPARENCY_FLAG = 0x01


def gif_size(content: bytes) -> tuple[int, int]:
    """Return width and height of the screen that all frames are drawn on."""
    width, height = struct.unpack_from("<HH", content, 6)
    return width, height


def first_frame(content: bytes) -> bytes:
    """Return the GIF without the blocks before its first frame.

    Its colours and its transparent colour are kept. Raises ImageError for a frame that
    reaches out of the screen, because Pillow would enlarge the screen, and ImageError,
    IndexError or struct.error for a damaged GIF.
    """
    colours_end = skip_colours(content)
    position = colours_end
    control = b""
    for _ in range(MAX_BLOCKS):
        kind = content[position]
        if kind == FRAME:
            check_frame(content, position)
            return content[:colours_end] + control + content[position:]
        if kind != EXTENSION:
            break
        if content.startswith(CONTROL_START, position):
            control = transparency_control(content, position)
        position = skip_data(content, position + 2)
    raise damaged("GIF")


def check_frame(content: bytes, position: int) -> None:
    """Raise ImageError for a frame, at that position, that is not within the screen."""
    frame = struct.unpack_from("<HHHH", content, position + 1)
    left, top, width, height = frame
    screen_width, screen_height = gif_size(content)
    if left + width > screen_width or top + height > screen_height:
        raise damaged("GIF")


def transparency_control(content: bytes, position: int) -> bytes:
    """Return the control extension at that position with its transparency flag only.

    The other flags are for the time after the frame.
    """
    flags = content[position + 3] & TRANSPARENCY_FLAG
    delay_and_colour = content[position + 4 : position + 7]
    return CONTROL_START + bytes([flags]) + delay_and_colour + b"\0"


def skip_colours(content: bytes) -> int:
    """Return the position after the header and the global colours, if there are any."""
    flags = content[10]
    if not flags & COLOURS_FLAG:
        return HEADER_BYTES
    colours = 2 << (flags & COLOURS_MASK)
    return HEADER_BYTES + 3 * colours


def skip_data(content: bytes, position: int) -> int:
    """Return the position after sub-blocks of data, of which the last is empty."""
    while content[position]:
        position += 1 + content[position]
    return position + 1
