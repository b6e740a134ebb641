"""JPEGs, WebPs, BMPs and GIFs with a few wrong bytes."""

import base64
import io
from random import Random

from PIL import Image

from fuzz.case import HEIGHT, WIDTH
from fuzz.png_mutator import Mutate

FORMATS = {
    "JPEG": ("L", "RGB", "CMYK"),
    "WEBP": ("RGB", "RGBA"),
    "BMP": ("1", "L", "P", "RGB"),
    "GIF": ("L", "P", "RGB"),
}


def mutate_file(text: bytes, most: int, random: Random, mutate: Mutate) -> bytes:
    """Another picture in base64, of at most ``most`` bytes, made from one; from a new one where there is none yet."""
    content = bytearray(file_in(text) if random.random() < 3 / 4 else b"") or bytearray(
        new_file(random)
    )
    for _ in range(random.randint(1, 4)):
        content[random.randrange(len(content))] = random.choice(
            (0, 1, 0x7F, 0x80, 0xFF, random.randrange(256))
        )
    if random.random() < 1 / 4:
        content = bytearray(mutate(bytes(content), most))
    if random.random() < 1 / 8:
        del content[random.randrange(len(content) + 1) :]
    mutated = base64.b64encode(content)
    return mutated if len(mutated) <= most else text


def file_in(text: bytes) -> bytes:
    """The file in a text; nothing if that is a PNG, or no base64."""
    try:
        content = base64.b64decode(text)
    except ValueError:
        return b""
    return b"" if content.startswith(b"\x89") else content


def new_file(random: Random) -> bytes:
    """A picture of noise, of the right size or another, in any format and mode, of one frame or two."""
    name = random.choice(list(FORMATS))
    size = random.choice(
        ((WIDTH, HEIGHT), (random.randint(1, 90), random.randint(1, 90)))
    )
    image, other = (
        Image.frombytes("RGB", size, random.randbytes(3 * size[0] * size[1])).convert(
            random.choice(FORMATS[name])
        )
        for _ in range(2)
    )
    content = io.BytesIO()
    frames = (
        {"save_all": True, "append_images": [other]}
        if name in {"WEBP", "GIF"} and random.random() < 1 / 2
        else {}
    )
    exif = Image.Exif()
    exif[0x0112] = random.randint(0, 9)
    described = {"exif": exif} if name in {"JPEG", "WEBP"} else {}
    progressive = {"progressive": random.random() < 1 / 2} if name == "JPEG" else {}
    image.save(content, format=name, **frames, **described, **progressive)
    return content.getvalue()
