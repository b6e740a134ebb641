"""Values of the API's formats: images and latents, which no schema can describe."""

import base64
import io
import struct
from random import Random

import numpy as np
import schemathesis
from hypothesis import strategies as st
from PIL import Image

from fuzz.png_chunks import content_of, new_png
from service.api.uploads import IMAGE_TYPES

MAX_SEED = 2**32
CONTRAST = 64  # grey levels: enough for ink on any paper
PREFIXES = ("", "data:image/png;base64,")


def image(seed: int) -> str:
    """Return a base64 PNG of the model's size, with or without a data URI's prefix."""
    random = Random(seed)  # noqa: S311 - Hypothesis's number repeats it
    prefix = random.choice(PREFIXES)
    encoded = base64.b64encode(png_with_ink(random))
    return prefix + encoded.decode()


def file(seed: int) -> bytes:
    """Return a PNG of the model's size."""
    random = Random(seed)  # noqa: S311 - Hypothesis's number repeats it
    return png_with_ink(random)


def png_with_ink(random: Random) -> bytes:
    """Return a PNG that is not blank: the colours of a palette may be about equal."""
    while True:
        content = content_of(new_png(random))
        with Image.open(io.BytesIO(content)) as picture:
            colours = picture.convert("RGBA")
        paper = Image.new("RGBA", colours.size, "black")
        grey = Image.alpha_composite(paper, colours).convert("L")
        levels = np.asarray(grey)
        if int(levels.max()) - int(levels.min()) >= CONTRAST:
            return content


def latent(numbers: list[float]) -> str:
    """Return numbers as the base64 of little-endian float32."""
    content = struct.pack(f"<{len(numbers)}f", *numbers)
    return base64.b64encode(content).decode()


def register_images() -> None:
    """Register strategies for the formats image and binary, and for image files."""
    seeds = st.integers(0, MAX_SEED)
    files = seeds.map(file)
    schemathesis.openapi.format("image", seeds.map(image))
    schemathesis.openapi.format("binary", files)
    for media_type in IMAGE_TYPES:
        schemathesis.openapi.media_type(media_type.decode(), files)


def register_latents(
    minimum: float,
    maximum: float,
    size: int,
) -> None:
    """Register a strategy for the format latent: ``size`` numbers within bounds."""
    numbers = st.floats(
        min_value=minimum,
        max_value=maximum,
        width=32,
    )
    latents = st.lists(
        numbers,
        min_size=size,
        max_size=size,
    )
    schemathesis.openapi.format("latent", latents.map(latent))
