"""The bodies of requests and answers.

A request's images become pixels here: what is wrong with one is found, and named with its place, as the body is read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from math import isqrt
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, cast

import numpy as np
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    FailFast,
    Field,
    InstanceOf,
    PlainSerializer,
    PlainValidator,
    SerializationInfo,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

from service.imaging.errors import ImageError
from service.imaging.fit import Fitted
from service.imaging.reader import Picture, decode_base64, have_size, read_image, read_plain_images
from service.imaging.writer import Sheet, base64_pngs, base64_text, enlarged
from service.model.autoencoder import Floats
from service.model.noise import MOST_SEED, new_seed

DEFAULT_STEPS = 11
FULL_IMAGES = 8  # that a request may bring, of the most pixels
MOST_SCALE = 16
ENLARGED = 16  # pixels drawn for one that are as much work as an image's other work is for it
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


class Ingredients(NamedTuple):
    """What examples are made of: a few images of the model's data, in the card's order, and their latents.

    Numbers are rounded, to be read.
    """

    images: list[str]  # base64 PNGs
    pixels: list[list[float]]  # (image, row by row), in [0, 1]
    latents: list[list[float]]  # (image, latent)


@dataclass(slots=True)
class Context:
    """What a body is read with: its limits, what it asks for, and how much of it there has been.

    fit: of its images, as it came; what it may be is the schema's to say.
    images: how many are asked for.
    pixels: of the images read so far, as they were sent; such as need no decoding do not count.
    """

    limits: Limits
    fit: object
    images: int
    pixels: int = 0


def limits_of(info: ValidationInfo) -> Limits:
    """The limits that the body is read within."""
    return cast("Context", info.context).limits


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
            "images", "makes {count} images; the most is {most} (VAE_MAX_ITEMS)", {"count": int(count), "most": most}
        )


def check_digit(value: int, info: ValidationInfo) -> int:
    """Refuse a class whose place in latent space is not known."""
    labels = limits_of(info).labels
    if value not in labels:
        raise PydanticCustomError(
            "digit",
            "must be one of {labels}; is {value}" if labels else "the model does not tell where its digits lie",
            {"labels": ", ".join(map(str, labels)), "value": str(value)[:20]},
        )
    return value


def enlargement(scale: object) -> int:
    """How many images of the model's size one of that scale is as much work as, whatever was sent as a scale.

    Measured: one at scale 16 takes 54 us longer to write than one at scale 1, less than two more at scale 1 take.
    """
    return max(1, int(min(abs(scale), MOST_SCALE)) ** 2 // ENLARGED) if isinstance(scale, (int, float)) else 1


def check_scale(value: int, info: ValidationInfo) -> int:
    """Refuse more pixels than the most images have that a request may ask for, enlarged by 4."""
    context = cast("Context", info.context)
    most = isqrt(ENLARGED * context.limits.max_items // context.images)
    if value > most:
        raise PydanticCustomError(
            "scale",
            "must be 1 to {most} for {images} images (images x scale x scale is at most {bound} x VAE_MAX_ITEMS); "
            "is {scale}",
            {"most": most, "images": context.images, "bound": ENLARGED, "scale": value},
        )
    return value


def read_picture(value: object, info: ValidationInfo) -> Picture:
    """Read one image, if that has not been done: base64, or a file's bytes where the body is no JSON."""
    if isinstance(value, Picture):
        return value
    if not isinstance(value, (str, bytes)):
        raise PydanticCustomError("image", "must be a string, a base64 PNG, JPEG, WebP, BMP or GIF")
    context = cast("Context", info.context)
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
    if context.pixels > limits.max_pixels:
        raise PydanticCustomError(
            "image",
            "comes after images of {count} pixels; the most is {most} ({full} times VAE_MAX_IMAGE_PIXELS)",
            {"count": context.pixels, "most": limits.max_pixels, "full": FULL_IMAGES},
        )
    try:
        picture = read_image(value, limits.image_height, limits.image_width, limits.max_image_pixels, context.fit)
    except ImageError as error:
        raise PydanticCustomError("image", "{reason}", {"reason": str(error)}) from error
    context.pixels += picture.source_pixels
    return picture


def read_plain(value: object, info: ValidationInfo) -> object:
    """Read the plain PNGs of a list together, which takes half the time; one that is refused is named later."""
    limits = limits_of(info)
    if not isinstance(value, list) or len(value) == 1:
        return value
    if not all(isinstance(item, (str, bytes)) and len(item) <= limits.max_image_bytes for item in value):
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
        raise PydanticCustomError("latent", "{reason}", {"reason": str(error)}) from error
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
            "latent", "must have {size} numbers; has {count}", {"size": limits.latent_size, "count": len(value)}
        )
    largest = max(value, key=abs)
    if abs(largest) > limits.max_latent:
        raise PydanticCustomError(
            "latent",
            "must have numbers from -{bound} to {bound} (VAE_MAX_LATENT); has {largest}",
            {"bound": f"{limits.max_latent:g}", "largest": f"{largest:g}"},
        )
    return value


def image_texts(images: Sheet, info: "SerializationInfo[PicturesRequest]") -> list[str]:
    """Images as JSON has them, by the scale that their request asks for."""
    return base64_pngs(enlarged(images.images, info.context.scale))


def latent_form(latent: Floats, info: "SerializationInfo[EncodingRequest]") -> list[float] | str:
    """A latent as JSON has it, by the encoding that its request asks for."""
    if info.context.encoding == "base64":
        return base64_text(latent.astype(FLOAT32).tobytes())
    numbers: list[float] = latent.tolist()
    return numbers


LATENT_FORMS = {
    "anyOf": [
        {"type": "array", "items": {"type": "number"}},
        {"type": "string", "contentEncoding": "base64", "description": "Little-endian float32."},
    ]
}
# Named types, so that OpenAPI has each once, where ``docs`` writes its bounds.
Image = TypeAliasType(
    "Image",
    Annotated[
        Picture,
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
            {**LATENT_FORMS, "description": "A point in latent space, where the prior is a standard normal."}
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
        list[Latent], FailFast(), BeforeValidator(partial(check_count, 1)), Field(description="Points to decode.")
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
        Field(ge=0, le=MOST_SEED, description="What the noise follows from."),
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
            le=MOST_SCALE,
            description="How many times as wide and as high each pixel is drawn. The more images, the less it may be: "
            f"images x scale x scale is at most {ENLARGED} times the most items.",
        ),
        AfterValidator(check_scale),
        BeforeValidator(whole_number),
    ],
)
Fit = Literal["auto", "resize", "none"]
Encoding = Literal["floats", "base64"]
# What answers hold, written as JSON when they are: so that a reply can be something else than JSON.
ImagesOut = Annotated[
    InstanceOf[Sheet],
    PlainSerializer(image_texts, return_type=list[str]),
    Field(description="Base64 PNG, 8-bit grey, white ink on black."),
]
LatentOut = Annotated[
    Floats, PlainValidator(np.asarray), PlainSerializer(latent_form, return_type=Any), WithJsonSchema(LATENT_FORMS)
]


def number_of(value: object, absent: float = 1) -> float:
    """How many a field asks for, before it is checked: by a list's length or a number."""
    return len(value) if isinstance(value, list) else value if isinstance(value, (int, float)) else absent


class Request(BaseModel):
    """Base of requests: unknown fields and numbers in strings are refused."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    counted: ClassVar[str] = ""  # the field that tells how many images are asked for: a list or a number
    takes_files: ClassVar[bool] = False  # whether its images may come as they are, without JSON around them

    @classmethod
    def examples(cls, ingredients: Ingredients) -> dict[str, object]:  # noqa: ARG003 - for those that have some
        """Bodies that work, each under the few words that say what it shows; the first is the simplest.

        They keep to the smallest limits that can be set. One that a model refuses, for what it lacks, is not shown.
        """
        return {}

    @classmethod
    def is_light(cls, content: object, limits: Limits) -> bool:  # noqa: ARG003 - most bring no images
        """Tell whether all images that a body brings are PNGs of the model's size, read in no time."""
        return True

    @classmethod
    def image_count(cls, content: object, limits: Limits) -> int:
        """How many images a body asks for, 1 to the most, told before it is read into its schema."""
        asked = cls.asked_images(content) if isinstance(content, dict) else 1
        return int(min(max(asked, 1), limits.max_items))

    @classmethod
    def asked_images(cls, content: Mapping[str, object]) -> float:
        """The same, whatever stands in the body and however many that is."""
        return number_of(content.get(cls.counted))


class Answer(BaseModel):
    """Base of answers."""

    model_config = ConfigDict(frozen=True)


class FitRequest(Request):
    """Base of requests that bring images."""

    fit: Fit = Field(
        "auto",
        description="How an image that is not of the model's size is brought to it. auto: as MNIST was made, ink and "
        "paper told apart, cropped to the ink, scaled, centred by mass; resize: only scaled; none: refused.",
    )
    explain: bool = Field(default=False, description="Whether the answer tells what was done to each image.")


class EncodingRequest(Request):
    """Base of requests whose answers have latents."""

    encoding: Encoding = Field(
        "floats",
        description="How the answer has latents. floats: as numbers; base64: as their bytes, little-endian float32.",
    )


class PicturesRequest(Request):
    """Base of requests whose answers have images, which can be given as one picture too."""

    scale: Scale = 1


class AnimationRequest(PicturesRequest):
    """Base of requests whose images are frames, which can be given as a moving picture too."""

    duration_ms: Annotated[int, BeforeValidator(whole_number)] = Field(
        100, ge=20, le=10_000, description="Of a moving picture: the milliseconds of a frame; GIF has them in tens."
    )
    loop: Annotated[int, BeforeValidator(whole_number)] = Field(
        0, ge=0, le=65535, description="Of a moving picture: how often it is played; 0: for ever."
    )


class ImagesRequest(FitRequest):
    """A list of images."""

    counted = "images"
    takes_files = True
    images: Images

    @classmethod
    def examples(cls, ingredients: Ingredients) -> dict[str, object]:
        """See ``Request``."""
        return {"Two images": {"images": ingredients.images[:2]}}

    @classmethod
    def is_light(cls, content: object, limits: Limits) -> bool:
        """Look at all of the list."""
        images = content.get("images") if isinstance(content, dict) else None
        return isinstance(images, list) and have_size(images, limits.image_height, limits.image_width)


class SamplesRequest(ImagesRequest):
    """Base of requests that may ask for draws from the posterior."""

    sample: bool = Field(
        default=False, description="Whether to draw from the posterior at random instead of taking its mean."
    )
    samples: Count = Field(1, description="How many draws of each image; only with sample.")
    seed: Seed = Field(
        default_factory=new_seed, description="What the noise follows from; only with sample. Absent: a new one."
    )

    @field_validator("samples", "seed")
    @classmethod
    def check_sample(cls, value: int, info: ValidationInfo) -> int:
        """Refuse what would have no effect; but not the default, which some clients write out."""
        if not info.data.get("sample", True) and (info.field_name, value) != ("samples", 1):
            raise PydanticCustomError("sample", "must be absent unless sample is true")
        return value

    @field_validator("samples")
    @classmethod
    def check_draws(cls, value: int, info: ValidationInfo) -> int:
        """Refuse more draws in all than a request may have items."""
        check_images(value * len(info.data.get("images", ".")), info)
        return value

    @classmethod
    def examples(cls, ingredients: Ingredients) -> dict[str, object]:
        """See ``Request``."""
        samples = {"images": ingredients.images[:2], "sample": True, "samples": 3, "seed": 1}
        return {**super().examples(ingredients), "Three draws of each image": samples}

    @classmethod
    def asked_images(cls, content: Mapping[str, object]) -> float:
        """See ``Request``."""
        return super().asked_images(content) * number_of(content.get("samples"))


class EncodeRequest(EncodingRequest, SamplesRequest):
    """Images to encode."""


class ReconstructRequest(PicturesRequest, SamplesRequest):
    """Images to reconstruct."""


class DecodeRequest(PicturesRequest):
    """Latents to decode."""

    counted = "latents"
    latents: Latents

    @classmethod
    def examples(cls, ingredients: Ingredients) -> dict[str, object]:
        """See ``Request``."""
        return {"Two latents": {"latents": ingredients.latents[:2]}}


# Pydantic puts a union's tag into the place of an error, where ``problems`` takes it out again.
UNION_TAGS = {"one": "(one)", "list": "(list)"}


def number_or_list(value: object) -> str:
    """The tag of what is to be read: one or several."""
    return UNION_TAGS["list" if isinstance(value, list) else "one"]


class PosteriorAnswer(Answer):
    """The posterior q(z|x) of one image, a diagonal Gaussian."""

    mean: LatentOut = Field(description="Its mean: the image's latent.")
    log_variance: LatentOut = Field(description="Natural logarithm of its variance.")
    samples: list[LatentOut] | None = Field(None, description="With sample: draws from it.")


class ExplainedAnswer(Answer):
    """Base of answers to requests that bring images."""

    fitted: list[Fitted] | None = Field(
        None, description="With explain: what was done to each image, in the request's order."
    )


class SampledAnswer(Answer):
    """Base of answers that may have been drawn at random."""

    seed: int | None = Field(None, description="With sample: gives the same noise again.")


class LatentsAnswer(SampledAnswer, ExplainedAnswer):
    """Posteriors of images."""

    latents: list[PosteriorAnswer] = Field(description="One posterior an image, in the request's order.")


class ImagesAnswer(Answer):
    """One image an item, in the request's order."""

    images: ImagesOut


class ReconstructAnswer(SampledAnswer, ImagesAnswer, ExplainedAnswer):
    """One image an item, in the request's order; with samples, all draws of the first image first."""


class ScoreAnswer(Answer):
    """How well the model knows one image; what the model cannot tell is absent."""

    squared_error: float = Field(description="From the image to its reconstruction, pixels in [0, 1], summed.")
    kl_divergence: float = Field(description="From the posterior to the prior, in nats.")
    elbo: float = Field(description="Of the model's objective, in nats, at the posterior mean.")
    anomaly_percentile: float | None = Field(
        None, description="Percentage of digits new to the model that are less unusual: above 99 it is likely no digit."
    )
    digit: int | None = Field(None, description="The most likely digit.")
    probabilities: list[float] | None = Field(None, description="Of each digit, in the order of classes.")


class ScoresAnswer(ExplainedAnswer):
    """How well the model knows images."""

    classes: list[int] | None = Field(None, description="The digits that the model knows.")
    scores: list[ScoreAnswer] = Field(description="One an image, in the request's order.")


class Health(Answer):
    """The answer of a probe."""

    status: Literal["ok"] = Field("ok", description="It is well.")


class Reload(Answer):
    """The answer to a reload."""

    status: Literal["reloading"] = Field("reloading", description="The model is being loaded; the log tells the end.")
