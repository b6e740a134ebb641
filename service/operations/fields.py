"""What may stand in a body, each value with its bounds.

An image becomes pixels here: what is wrong with one is found, and named with its place, as the body is read.
"""

from dataclasses import dataclass
from functools import partial
from math import isqrt
from typing import Annotated, Literal, cast

import numpy as np
from pydantic import (
    AfterValidator,
    BeforeValidator,
    FailFast,
    Field,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

from service.imaging.errors import ImageError
from service.imaging.reader import (
    DecodedImage,
    decode_base64,
    read_image,
    read_plain_images,
)
from service.model.noise import MAX_SEED

DEFAULT_STEPS = 11
FULL_IMAGES = 8  # that a request may bring, of the most pixels
MAX_SCALE = 16
MAX_ASKED = 65536  # of anything; more is no different, but 1e999 is infinite, and has no product with 0
ENLARGED = (
    16  # pixels drawn for one that are as much work as an image's other work is for it
)
FLOAT32 = np.dtype("<f4")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a request must keep to: the model's sizes and the settings' bounds."""

    image_height: int
    image_width: int
    latent_size: int
    max_items: int
    max_image_bytes: int
    max_image_pixels: int
    max_latent: float
    max_body_bytes: int
    labels: tuple[int, ...] = ()  # the classes whose place in latent space is known

    @property
    def max_pixels(self) -> int:
        """Most pixels in the images of a request: a small file can hold very many."""
        return FULL_IMAGES * self.max_image_pixels

    @property
    def max_parts(self) -> int:
        """Most values and names in a body: each item can have a latent's, and a few beside it."""
        return self.max_items * (self.latent_size + 5) + 64


@dataclass(slots=True)
class ValidationContext:
    """What a body is read with: its limits, what it asks for, and how much of it there has been.

    fit: of its images, as it came; what it may be is the schema's to say.
    images: how many come out.
    pixels: of the images read so far, as they were sent; such as need no decoding do not count.
    """

    limits: Limits
    fit: object
    images: int
    pixels: int = 0


def limits_of(info: ValidationInfo) -> Limits:
    """The limits that the body is read within."""
    return cast("ValidationContext", info.context).limits


def check_count(least: int, value: object, info: ValidationInfo) -> object:
    """Refuse a list that is too long before any of its items is read."""
    most = limits_of(info).max_items
    if isinstance(value, list) and not least <= len(value) <= most:
        raise PydanticCustomError(
            "count",
            "must have {least} to {most} items (VAE_MAX_ITEMS); has {count}",
            {"least": least, "most": most, "count": len(value)},
        )
    return value


def whole_number(value: object) -> object:
    """An integer that is written as 2.0 or 1e1, which JSON Schema counts as integers."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def check_number(least: int, value: int, info: ValidationInfo) -> int:
    """Refuse a number of images that a request may not ask for."""
    most = limits_of(info).max_items
    if not least <= value <= most:
        raise PydanticCustomError(
            "number",
            "must be {least} to {most} (VAE_MAX_ITEMS); is {value}",
            {"least": least, "most": most, "value": str(value)[:20]},
        )
    return value


def check_images(count: float, info: ValidationInfo) -> None:
    """Refuse what makes more images than a request may ask for."""
    most = limits_of(info).max_items
    if count > most:
        raise PydanticCustomError(
            "images",
            "makes {count} images; the most is {most} (VAE_MAX_ITEMS)",
            {"count": int(count), "most": most},
        )


def check_digit(value: int, info: ValidationInfo) -> int:
    """Refuse a class whose place in latent space is not known."""
    labels = limits_of(info).labels
    if value not in labels:
        raise PydanticCustomError(
            "digit",
            "must be one of {labels}; is {value}"
            if labels
            else "the model does not tell where its digits lie",
            {"labels": ", ".join(map(str, labels)), "value": str(value)[:20]},
        )
    return value


def enlargement(scale: object) -> int:
    """How many images of the model's size one of that scale is as much work as, whatever was sent as a scale.

    A bound, not a measure: one at scale 16 takes 50 us longer to write than one at scale 1, and another at scale 1
    takes 9 us, so that six would be as much.
    """
    return (
        max(1, int(min(abs(scale), MAX_SCALE)) ** 2 // ENLARGED)
        if isinstance(scale, (int, float))
        else 1
    )


def check_scale(value: int, info: ValidationInfo) -> int:
    """Refuse more pixels than the most images have that a request may ask for, enlarged by 4."""
    context = cast("ValidationContext", info.context)
    most = isqrt(ENLARGED * context.limits.max_items // context.images)
    if value > most:
        raise PydanticCustomError(
            "scale",
            "must be 1 to {most} for {images} images (images x scale x scale is at most {bound} x VAE_MAX_ITEMS); "
            "is {scale}",
            {"most": most, "images": context.images, "bound": ENLARGED, "scale": value},
        )
    return value


def read_picture(value: object, info: ValidationInfo) -> DecodedImage:
    """Read one image, if that has not been done: base64, or a file's bytes where the body is no JSON."""
    if isinstance(value, DecodedImage):
        return value
    if not isinstance(value, (str, bytes)):
        raise PydanticCustomError(
            "image", "must be a string, a base64 PNG, JPEG, WebP, BMP or GIF"
        )
    context = cast("ValidationContext", info.context)
    limits = context.limits
    if len(value) > limits.max_image_bytes:
        raise PydanticCustomError(
            "image",
            "must have at most {most} bytes{form} (VAE_MAX_IMAGE_BYTES); has {count}",
            {
                "most": limits.max_image_bytes,
                "form": " of base64" if isinstance(value, str) else "",
                "count": len(value),
            },
        )
    if context.pixels >= limits.max_pixels:
        raise PydanticCustomError(
            "image",
            "comes after images of {count} pixels; the most is {most} ({full} times VAE_MAX_IMAGE_PIXELS)",
            {"count": context.pixels, "most": limits.max_pixels, "full": FULL_IMAGES},
        )
    try:
        picture = read_image(
            value,
            limits.image_height,
            limits.image_width,
            limits.max_image_pixels,
            context.fit,
        )
    except ImageError as error:
        raise PydanticCustomError(
            "image", "{reason}", {"reason": str(error)}
        ) from error
    context.pixels += picture.source_pixels
    return picture


def read_plain(value: object, info: ValidationInfo) -> object:
    """Read the plain PNGs of a list together, which takes half the time; one that is refused is named later."""
    limits = limits_of(info)
    if not isinstance(value, list) or len(value) == 1:
        return value
    if not all(
        isinstance(item, (str, bytes)) and len(item) <= limits.max_image_bytes
        for item in value
    ):
        return value
    return read_plain_images(value, limits.image_height, limits.image_width)


def read_latent(value: object, info: ValidationInfo) -> object:
    """The numbers of a latent, if they are not written as such: from the base64 of little-endian float32."""
    if not isinstance(value, str):
        return value
    size = limits_of(info).latent_size
    try:
        content = decode_base64(value)
    except ImageError as error:
        raise PydanticCustomError(
            "latent", "{reason}", {"reason": str(error)}
        ) from error
    if len(content) != FLOAT32.itemsize * size:
        raise PydanticCustomError(
            "latent",
            "must be {size} float32 numbers, {bytes} bytes; has {count} bytes",
            {"size": size, "bytes": FLOAT32.itemsize * size, "count": len(content)},
        )
    return np.frombuffer(content, FLOAT32).tolist()


def check_latent(value: list[float], info: ValidationInfo) -> list[float]:
    """Refuse a latent of another length than the model's, or out of bounds."""
    limits = limits_of(info)
    if len(value) != limits.latent_size:
        raise PydanticCustomError(
            "latent",
            "must have {size} numbers; has {count}",
            {"size": limits.latent_size, "count": len(value)},
        )
    largest = max(value, key=abs)
    if abs(largest) > limits.max_latent:
        raise PydanticCustomError(
            "latent",
            "must have numbers from -{bound} to {bound} (VAE_MAX_LATENT); has {largest}",
            {"bound": f"{limits.max_latent:g}", "largest": f"{largest:g}"},
        )
    return value


LATENT_FORMS = {
    "anyOf": [
        {"type": "array", "items": {"type": "number"}},
        {
            "type": "string",
            "contentEncoding": "base64",
            "description": "Little-endian float32.",
        },
    ]
}
# Named types, so that OpenAPI has each once, where ``docs`` writes its bounds.
Image = TypeAliasType(
    "Image",
    Annotated[
        DecodedImage,
        PlainValidator(read_picture),
        WithJsonSchema(
            {
                "type": "string",
                "contentEncoding": "base64",
                "description": "Base64 PNG, JPEG, WebP, BMP or GIF (its first frame), of any mode, turned to grey.",
            }
        ),
    ],
)
Latent = TypeAliasType(
    "Latent",
    Annotated[
        list[Annotated[float, Field(allow_inf_nan=False)]],
        FailFast(),
        AfterValidator(check_latent),
        BeforeValidator(read_latent),
        WithJsonSchema(
            {
                **LATENT_FORMS,
                "description": "A point in latent space, where the prior is a standard normal.",
            }
        ),
    ],
)
Images = TypeAliasType(
    "Images",
    Annotated[
        list[Image],
        FailFast(),
        BeforeValidator(read_plain),
        BeforeValidator(partial(check_count, 1)),
        Field(description="Images of digits."),
    ],
)
Latents = TypeAliasType(
    "Latents",
    Annotated[
        list[Latent],
        FailFast(),
        BeforeValidator(partial(check_count, 1)),
        Field(description="Points to decode."),
    ],
)
Steps = TypeAliasType(
    "Steps",
    Annotated[
        int,
        Field(description="Number of frames, both ends included."),
        AfterValidator(partial(check_number, 2)),
        BeforeValidator(whole_number),
    ],
)
Count = TypeAliasType(
    "Count",
    Annotated[
        int,
        Field(description="How many."),
        AfterValidator(partial(check_number, 1)),
        BeforeValidator(whole_number),
    ],
)
Seed = TypeAliasType(
    "Seed",
    Annotated[
        int,
        Field(ge=0, le=MAX_SEED, description="What the noise follows from."),
        BeforeValidator(whole_number),  # last, or OpenAPI loses the bounds
    ],
)
Digit = TypeAliasType(
    "Digit",
    Annotated[
        int,
        Field(description="A class of the model's data."),
        AfterValidator(check_digit),
        BeforeValidator(whole_number),
    ],
)
Scale = TypeAliasType(
    "Scale",
    Annotated[
        int,
        Field(
            ge=1,
            le=MAX_SCALE,
            description="How many times as wide and as high each pixel is drawn. The more images, the less it may be: "
            f"images x scale x scale is at most {ENLARGED} times the most items.",
        ),
        AfterValidator(check_scale),
        BeforeValidator(whole_number),
    ],
)
Fit = Literal["auto", "resize", "none"]
Encoding = Literal["floats", "base64"]


def number_of(value: object, absent: float = 1) -> float:
    """How many a field asks for, before it is checked: by a list's length or a number, 0 to MAX_ASKED."""
    number = (
        len(value)
        if isinstance(value, list)
        else value
        if isinstance(value, (int, float))
        else absent
    )
    return min(max(number, 0), MAX_ASKED)


# Pydantic puts a union's tag into the place of an error, where ``problems`` takes it out again.
UNION_TAGS = {"one": "(one)", "list": "(list)"}


def number_or_list(value: object) -> str:
    """The tag of what is to be read: one or several."""
    return UNION_TAGS["list" if isinstance(value, list) else "one"]
