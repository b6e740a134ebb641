"""Types of the fields in requests and responses, each with its bounds.

Named types appear once in the OpenAPI schema, where ``openapi`` adds the bounds of the
loaded model and the settings.
"""

from functools import partial
from typing import Annotated, Literal

import numpy as np
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    FailFast,
    Field,
    GetJsonSchemaHandler,
    GetPydanticSchema,
    SkipValidation,
    Tag,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError
from pydantic_core.core_schema import any_schema
from typing_extensions import TypeAliasType

from service.imaging.codec import base64_text, decode_base64
from service.imaging.errors import ImageError
from service.model.autoencoder import Floats
from service.model.noise import MAX_SEED
from service.operations.limits import MAX_UPSCALED_PIXELS, limits_of

DEFAULT_STEPS = 11
MAX_SCALE = 16
FLOAT32 = np.dtype("<f4")

Encoding = Literal["floats", "base64"]


def whole_number(value: object) -> object:
    """Convert 2.0 and 1e1 to integers, which they are in JSON Schema."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def check_number(minimum: int, value: int, info: ValidationInfo) -> int:
    """Reject a number below ``minimum`` or above the largest number of items."""
    limit = limits_of(info).max_items
    if not minimum <= value <= limit:
        raise PydanticCustomError(
            "number",
            "must be {minimum} to {limit} (VAE_MAX_ITEMS); is {value}",
            {"minimum": minimum, "limit": limit, "value": str(value)[:20]},
        )
    return value


def check_dimension(value: int, info: ValidationInfo) -> int:
    """Reject a dimension that the latent space does not have."""
    size = limits_of(info).latent_size
    if not 0 <= value < size:
        raise PydanticCustomError(
            "dimension",
            "must be 0 to {last}; is {value}",
            {"last": size - 1, "value": str(value)[:20]},
        )
    return value


def all_digits(value: float) -> str:
    """Return a number as text that differs for any two numbers, without ``.0``."""
    return repr(value).removesuffix(".0")


def check_offset(value: float, info: ValidationInfo) -> float:
    """Reject an offset beyond the largest magnitude of a latent's coordinate."""
    bound = limits_of(info).max_latent
    if not abs(value) <= bound:
        raise PydanticCustomError(
            "offset",
            "must be -{bound} to {bound} (VAE_MAX_LATENT); is {value}",
            {"bound": all_digits(bound), "value": all_digits(value)},
        )
    return value


def read_latent(value: object, info: ValidationInfo) -> object:
    """Decode a latent in base64 (little-endian float32) to numbers."""
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
            {
                "size": size,
                "bytes": FLOAT32.itemsize * size,
                "count": len(content),
            },
        )
    return np.frombuffer(content, FLOAT32).tolist()


def check_latent(value: list[float], info: ValidationInfo) -> list[float]:
    """Reject a latent of another length than the model's, or out of bounds."""
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
            "must have numbers from -{bound} to {bound} (VAE_MAX_LATENT); "
            "has {largest}",
            {"bound": all_digits(limits.max_latent), "largest": all_digits(largest)},
        )
    return value


def latent_values(latents: Floats, encoding: Encoding) -> list[list[float]] | list[str]:
    """Return latents (count, latent) as lists of numbers or as base64 text."""
    if encoding == "base64":
        rows = latents.astype(FLOAT32)
        return [base64_text(row.tobytes()) for row in rows]
    numbers: list[list[float]] = latents.tolist()
    return numbers


class DescribedAsList:
    """Describes a field that is one value or a list as a list alone.

    Generators of clients make types of the choice that do not compile.
    """

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return the schema of the list."""
        _, several = handler(core_schema)["oneOf"]
        schema: JsonSchemaValue = several
        return schema


# Pydantic puts a union's tag into an error's location; ``api.errors`` removes it.
ONE, SEVERAL = "(one)", "(several)"


def one_or_several(value: object) -> str:
    """Return the tag of a field that is one value or a list."""
    return SEVERAL if isinstance(value, list) else ONE


# For values of responses, which the service itself has computed. With SkipValidation, a
# Python function would be called to serialize each.
UNCHECKED = GetPydanticSchema(lambda *_: any_schema())
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
IMAGE_SCHEMA = {
    "type": "string",
    "contentEncoding": "base64",
    "description": "Base64 PNG, JPEG, WebP, BMP or GIF (its first frame), of any mode.",
}
LATENT_SCHEMA = LATENT_FORMS | {
    "description": "A point of the latent space, whose prior is a standard normal."
}

WholeNumber = Annotated[int, BeforeValidator(whole_number)]
# Decoded after admission, by ``imaging``; bytes if the body is a file or a form.
Image = TypeAliasType(
    "Image", Annotated[str | bytes, SkipValidation, WithJsonSchema(IMAGE_SCHEMA)]
)
Images = TypeAliasType(
    "Images", Annotated[list[Image], Field(description="Images, in order.")]
)
Latent = TypeAliasType(
    "Latent",
    Annotated[
        list[Annotated[float, Field(allow_inf_nan=False)]],
        FailFast(),
        AfterValidator(check_latent),
        BeforeValidator(read_latent),
        WithJsonSchema(LATENT_SCHEMA),
    ],
)
Latents = TypeAliasType(
    "Latents",
    Annotated[list[Latent], FailFast(), Field(description="Latents to decode.")],
)
LatentValues = Annotated[list[float] | str, UNCHECKED, WithJsonSchema(LATENT_FORMS)]
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
        Field(description="Number of images."),
        AfterValidator(partial(check_number, 1)),
        BeforeValidator(whole_number),
    ],
)
Seed = TypeAliasType(
    "Seed",
    Annotated[
        int,
        Field(ge=0, le=MAX_SEED, description="Seed of the noise."),
        BeforeValidator(whole_number),  # last, or the OpenAPI schema loses the bounds
    ],
)
Dimension = TypeAliasType(
    "Dimension",
    Annotated[
        int,
        Field(description="A dimension of the latent space, counted from 0."),
        AfterValidator(check_dimension),
        BeforeValidator(whole_number),
    ],
)
Dimensions = TypeAliasType(
    "Dimensions",
    Annotated[list[Dimension], FailFast(), Field(description="Dimensions, in order.")],
)
DimensionOrDimensions = Annotated[
    Annotated[Dimension, Tag(ONE)] | Annotated[Dimensions, Tag(SEVERAL)],
    Discriminator(one_or_several),
    DescribedAsList(),
]
Offset = TypeAliasType(
    "Offset",
    Annotated[
        float,
        Field(description="Number added to a latent's coordinate."),
        AfterValidator(check_offset),
    ],
)
Scale = TypeAliasType(
    "Scale",
    Annotated[
        int,
        Field(
            ge=1,
            le=MAX_SCALE,
            description="Width and height of each pixel in the output. Its limit "
            "depends on the number of images: images x scale x scale is at most "
            f"{MAX_UPSCALED_PIXELS} times the largest number of items.",
        ),
        BeforeValidator(whole_number),
    ],
)
