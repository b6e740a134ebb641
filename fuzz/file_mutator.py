"""Mutation of base64 JPEGs, WebPs, BMPs and GIFs: a few wrong bytes."""

import base64
import io
from random import Random
from typing import Any

from PIL import Image

from fuzz.case import HEIGHT, WIDTH
from fuzz.png_edits import Mutate

FORMATS = {
    "JPEG": ("L", "RGB", "CMYK"),
    "WEBP": ("RGB", "RGBA"),
    "BMP": ("1", "L", "P", "RGB"),
    "GIF": ("L", "P", "RGB"),
}
ANIMATED = {"WEBP", "GIF"}
WITH_EXIF = {"JPEG", "WEBP"}
ORIENTATION = 0x0112  # the EXIF tag
PNG_START = b"\x89"


def mutate_file(
    text: bytes,
    limit: int,
    random: Random,
    mutate: Mutate,
) -> bytes:
    """Return another base64 image of at most ``limit`` bytes.

    It is made from ``text``, or sometimes from a new image.
    """
    content = bytearray()
    if random.random() < 3 / 4:
        content = bytearray(file_in(text))
    if not content:
        content = bytearray(new_file(random))
    for _ in range(random.randint(1, 4)):
        # The value first, then the place.
        value = random.choice((0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)))
        place = random.randrange(len(content))
        content[place] = value
    if random.random() < 1 / 4:
        content = bytearray(mutate(bytes(content), limit))
    if random.random() < 1 / 8:
        end = random.randrange(len(content) + 1)
        del content[end:]
    mutated = base64.b64encode(content)
    if len(mutated) > limit:
        return text
    return mutated


def file_in(text: bytes) -> bytes:
    """Return the file in a base64 text.

    Return nothing for a PNG, which has a mutator of its own, or invalid base64.
    """
    try:
        content = base64.b64decode(text)
    except ValueError:
        return b""
    if content.startswith(PNG_START):
        return b""
    return content


def new_file(random: Random) -> bytes:
    """Return an image of noise, of any format, mode, size and one or two frames."""
    name = random.choice(list(FORMATS))
    other_size = random.randint(1, 90), random.randint(1, 90)
    size = random.choice(((WIDTH, HEIGHT), other_size))
    image = noise(size, FORMATS[name], random)
    other = noise(size, FORMATS[name], random)
    options: dict[str, Any] = {}
    if name in ANIMATED and random.random() < 1 / 2:
        options |= {"save_all": True, "append_images": [other]}
    exif = Image.Exif()
    exif[ORIENTATION] = random.randint(0, 9)
    if name in WITH_EXIF:
        options["exif"] = exif
    if name == "JPEG":
        options["progressive"] = random.random() < 1 / 2
    content = io.BytesIO()
    image.save(content, format=name, **options)
    return content.getvalue()


def noise(
    size: tuple[int, int],
    modes: tuple[str, ...],
    random: Random,
) -> Image.Image:
    """Return an image of random pixels in one of the modes."""
    width, height = size
    data = random.randbytes(3 * width * height)
    image = Image.frombytes("RGB", size, data)
    return image.convert(random.choice(modes))
