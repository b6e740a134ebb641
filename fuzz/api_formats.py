"""Values of the API's formats: images and latents, which no schema can describe."""

import base64
import struct
from random import Random

import schemathesis
from hypothesis import strategies as st

from fuzz.png_chunks import content_of, new_png
from service.api.uploads import IMAGE_TYPES

MAX_SEED = 2**32
PREFIXES = ("", "data:image/png;base64,")


def image(seed: int) -> str:
    """Return a base64 PNG of the model's size, with or without a data URI's prefix."""
    random = Random(seed)  # noqa: S311 - Hypothesis's number repeats it
    prefix = random.choice(PREFIXES)
    chunks = new_png(random)
    encoded = base64.b64encode(content_of(chunks))
    return prefix + encoded.decode()


def file(seed: int) -> bytes:
    """Return a PNG of the model's size."""
    random = Random(seed)  # noqa: S311 - Hypothesis's number repeats it
    return content_of(new_png(random))


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
