"""The bodies of requests and answers."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
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

from service.imaging.fit import Preprocessing
from service.imaging.reader import look_like_plain_pngs
from service.imaging.writer import ImageGrid, base64_pngs, base64_text, upscale
from service.model.autoencoder import Floats
from service.model.noise import new_seed
from service.operations.fields import (
    FLOAT32,
    LATENT_FORMS,
    Count,
    Encoding,
    Fit,
    Images,
    Latents,
    Limits,
    Scale,
    Seed,
    check_images,
    number_of,
    whole_number,
)


class ExampleInputs(NamedTuple):
    """What examples are made of: a few images of the model's data, in the card's order, and their latents.

    Numbers are rounded, to be read.
    """

    images: list[str]  # base64 PNGs
    pixels: list[list[float]]  # (image, row by row), in [0, 1]
    latents: list[list[float]]  # (image, latent)


class Request(BaseModel):
    """Base of requests: unknown fields and numbers in strings are refused."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    counted: ClassVar[str] = (
        ""  # the field that tells how many images are asked for: a list or a number
    )
    draws_one: ClassVar[bool] = (
        False  # whether one image comes out, however many are asked for
    )
    takes_files: ClassVar[bool] = (
        False  # whether its images may come as they are, without JSON around them
    )

    @classmethod
    def examples(cls, ingredients: ExampleInputs) -> dict[str, object]:  # noqa: ARG003 - for those that have some
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
    explain: bool = Field(
        default=False,
        description="Whether the answer tells what was done to each image.",
    )


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
        100,
        ge=20,
        le=10_000,
        description="Of a moving picture: the milliseconds of a frame; GIF has them in tens.",
    )
    loop: Annotated[int, BeforeValidator(whole_number)] = Field(
        0,
        ge=0,
        le=65535,
        description="Of a moving picture: how often it is played; 0: for ever.",
    )


class ImagesRequest(FitRequest):
    """A list of images."""

    counted = "images"
    takes_files = True
    images: Images

    @classmethod
    def examples(cls, ingredients: ExampleInputs) -> dict[str, object]:
        """See ``Request``."""
        return {"Two images": {"images": ingredients.images[:2]}}

    @classmethod
    def is_light(cls, content: object, limits: Limits) -> bool:
        """Look at all of the list."""
        images = content.get("images") if isinstance(content, dict) else None
        return isinstance(images, list) and look_like_plain_pngs(
            images, limits.image_height, limits.image_width
        )


class SamplesRequest(ImagesRequest):
    """Base of requests that may ask for draws from the posterior."""

    sample: bool = Field(
        default=False,
        description="Whether to draw from the posterior at random instead of taking its mean.",
    )
    samples: Count = Field(
        1, description="How many draws of each image; only with sample."
    )
    seed: Seed = Field(
        default_factory=new_seed,
        description="What the noise follows from; only with sample. Absent: a new one.",
    )

    @field_validator("samples", "seed")
    @classmethod
    def check_sample(cls, value: int, info: ValidationInfo) -> int:
        """Refuse what would have no effect; but not the default, which some clients write out."""
        if not info.data.get("sample", True) and (info.field_name, value) != (
            "samples",
            1,
        ):
            raise PydanticCustomError("sample", "must be absent unless sample is true")
        return value

    @field_validator("samples")
    @classmethod
    def check_draws(cls, value: int, info: ValidationInfo) -> int:
        """Refuse more draws in all than a request may have items."""
        check_images(value * len(info.data.get("images", ".")), info)
        return value

    @classmethod
    def examples(cls, ingredients: ExampleInputs) -> dict[str, object]:
        """See ``Request``."""
        samples = {
            "images": ingredients.images[:2],
            "sample": True,
            "samples": 3,
            "seed": 1,
        }
        return {**super().examples(ingredients), "Three draws of each image": samples}

    @classmethod
    def asked_images(cls, content: Mapping[str, object]) -> float:
        """See ``Request``."""
        return super().asked_images(content) * max(1, number_of(content.get("samples")))


class EncodeRequest(EncodingRequest, SamplesRequest):
    """Images to encode."""


class ReconstructRequest(PicturesRequest, SamplesRequest):
    """Images to reconstruct."""


class DecodeRequest(PicturesRequest):
    """Latents to decode."""

    counted = "latents"
    latents: Latents

    @classmethod
    def examples(cls, ingredients: ExampleInputs) -> dict[str, object]:
        """See ``Request``."""
        return {"Two latents": {"latents": ingredients.latents[:2]}}


def image_texts(
    images: ImageGrid, info: "SerializationInfo[PicturesRequest]"
) -> list[str]:
    """Images as JSON has them, by the scale that their request asks for."""
    return base64_pngs(upscale(images.images, info.context.scale))


def latent_form(
    latent: Floats, info: "SerializationInfo[EncodingRequest]"
) -> list[float] | str:
    """A latent as JSON has it, by the encoding that its request asks for."""
    if info.context.encoding == "base64":
        return base64_text(latent.astype(FLOAT32).tobytes())
    numbers: list[float] = latent.tolist()
    return numbers


# What answers hold, written as JSON when they are: so that a reply can be something else than JSON.
ImagesOut = Annotated[
    InstanceOf[ImageGrid],
    PlainSerializer(image_texts, return_type=list[str]),
    Field(description="Base64 PNG, 8-bit grey, white ink on black."),
]
LatentOut = Annotated[
    Floats,
    PlainValidator(np.asarray),
    PlainSerializer(latent_form, return_type=Any),
    WithJsonSchema(LATENT_FORMS),
]


class PosteriorAnswer(Answer):
    """The posterior q(z|x) of one image, a diagonal Gaussian."""

    mean: LatentOut = Field(description="Its mean: the image's latent.")
    log_variance: LatentOut = Field(description="Natural logarithm of its variance.")
    samples: list[LatentOut] | None = Field(
        None, description="With sample: draws from it."
    )


class ExplainedAnswer(Answer):
    """Base of answers to requests that bring images."""

    fitted: list[Preprocessing] | None = Field(
        None,
        description="With explain: what was done to each image, in the request's order.",
    )


class SampledAnswer(Answer):
    """Base of answers that may have been drawn at random."""

    seed: int | None = Field(
        None, description="With sample: gives the same noise again."
    )


class LatentsAnswer(SampledAnswer, ExplainedAnswer):
    """Posteriors of images."""

    latents: list[PosteriorAnswer] = Field(
        description="One posterior an image, in the request's order."
    )


class ImagesAnswer(Answer):
    """One image an item, in the request's order."""

    images: ImagesOut


class ReconstructAnswer(SampledAnswer, ImagesAnswer, ExplainedAnswer):
    """One image an item, in the request's order; with samples, all draws of the first image first."""


class ScoreAnswer(Answer):
    """How well the model knows one image; what the model cannot tell is absent."""

    squared_error: float = Field(
        description="From the image to its reconstruction, pixels in [0, 1], summed."
    )
    kl_divergence: float = Field(
        description="From the posterior to the prior, in nats."
    )
    elbo: float = Field(
        description="Of the model's objective, in nats, at the posterior mean."
    )
    anomaly_percentile: float | None = Field(
        None,
        description="Percentage of digits new to the model that are less unusual: above 99 it is likely no digit.",
    )
    digit: int | None = Field(None, description="The most likely digit.")
    probabilities: list[float] | None = Field(
        None, description="Of each digit, in the order of classes."
    )


class ScoresAnswer(ExplainedAnswer):
    """How well the model knows images."""

    classes: list[int] | None = Field(
        None, description="The digits that the model knows."
    )
    scores: list[ScoreAnswer] = Field(
        description="One an image, in the request's order."
    )


class Health(Answer):
    """The answer of a probe."""

    status: Literal["ok"] = Field("ok", description="It is well.")


class Reload(Answer):
    """The answer to a reload."""

    status: Literal["reloading"] = Field(
        "reloading", description="The model is being loaded; the log tells the end."
    )
