"""Requests and responses of the operations, and the parts that several share."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from math import isqrt
from typing import Annotated, Any, ClassVar, NamedTuple, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    InstanceOf,
    PlainSerializer,
    ValidationInfo,
    model_validator,
)

from service.imaging.codec import DecodedImages, ImageGrid, base64_pngs
from service.imaging.preprocessing import Fit, Preprocessing
from service.model.autoencoder import Autoencoder
from service.model.noise import new_seed
from service.operations.cost import ImageCost
from service.operations.fields import (
    Count,
    Encoding,
    Images,
    Scale,
    Seed,
    WholeNumber,
)
from service.operations.limits import Limits, field_error, limits_of

MAX_FIELDS = 100  # of an object, known or not
FREE_SCALE = 2  # images enlarged so much are written as fast as others
Location = tuple[int | str, ...]  # of a value in a request's body


class ExampleInputs(NamedTuple):
    """Inputs of the documentation's examples: images of the data and their latents.

    images: base64 PNGs, two or more, in the card's order.
    pixels: numbers in [0, 1] of each image, row by row, rounded.
    latents: posterior mean of each image, rounded.
    labels: names of the classes that the model has statistics of.
    """

    images: list[str]
    pixels: list[list[float]]
    latents: list[list[float]]
    labels: list[str]


class Request(BaseModel):
    """Base of requests. Unknown fields and numbers in strings are rejected.

    takes_files: whether images may be sent as files instead of in JSON.
    item_lists: fields that may be lists of items, with their minimum lengths.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    takes_files: ClassVar[bool] = False
    item_lists: ClassVar[Mapping[str, int]] = {}

    @model_validator(mode="before")
    @classmethod
    def check_lists(cls, body: object, info: ValidationInfo) -> object:
        """Reject very many fields, and a list of the wrong length; drop nulls.

        This is before any field or item is read: each would be an error of its own. A
        null field is the same as an absent one.
        """
        if not isinstance(body, dict):
            return body
        if len(body) > MAX_FIELDS:
            raise field_error(
                (),
                "fields",
                "must have at most {limit} fields; has {count}",
                limit=MAX_FIELDS,
                count=len(body),
            )
        for name, minimum in cls.item_lists.items():
            value = body.get(name)
            if isinstance(value, list):
                check_length(value, name, minimum, limits_of(info).max_items)
        if None in body.values():
            return {
                name: value
                for name, value in body.items()
                if value is not None or name not in cls.model_fields
            }
        return body

    @property
    def image_count(self) -> int:
        """Number of images that the request has or asks for, at least 1."""
        return 1

    def cost(self, image: ImageCost) -> float:
        """Return the processor time of the request, in milliseconds of one core.

        It does not include image files that are not plain PNGs.
        """
        return len(self.image_contents()) * (image.read + image.encode)

    def image_contents(self) -> Sequence[str | bytes]:
        """Return the images of the request, as base64 text or as a file's bytes."""
        return ()

    def image_location(self, index: int) -> Location:
        """Return the location in the body of an image of ``image_contents``."""
        raise NotImplementedError

    @classmethod
    def examples(cls, inputs: ExampleInputs) -> dict[str, object]:
        """Return valid bodies by title, the simplest first.

        They are valid with the smallest limits that can be set. An example that the
        loaded model rejects is not shown.
        """
        raise NotImplementedError


class Response(BaseModel):
    """Base of responses."""

    model_config = ConfigDict(frozen=True)


# A function of a request, its decoded images and a model, which knows no HTTP.
Operation = Callable[[Any, DecodedImages, Autoencoder], Awaitable[object]]


class FitRequest(Request):
    """Base of requests that have images."""

    fit: Fit = Field(
        "auto",
        description="Preprocessing of an image that is not of the model's size. "
        "auto: as the fit in the model card says; resize: the whole image is scaled; "
        "none: it is rejected.",
    )
    explain: bool = Field(
        default=False,
        description="Whether the response describes the preprocessing of each image.",
    )


class ImagesRequest(FitRequest):
    """Base of requests that have a list of images."""

    takes_files = True
    item_lists: ClassVar = {"images": 1}

    images: Images

    @property
    def image_count(self) -> int:
        """Number of images."""
        return len(self.images)

    def image_contents(self) -> Sequence[str | bytes]:
        """Return the images."""
        return self.images

    def image_location(self, index: int) -> Location:
        """Return the location of an image in the list."""
        return "images", index

    @classmethod
    def examples(cls, inputs: ExampleInputs) -> dict[str, object]:
        """Return a body with two images."""
        return {"Two images": {"images": inputs.images[:2]}}


OF_SAMPLES = {"samples", "seed"}


class SamplesRequest(ImagesRequest):
    """Base of requests that may ask for samples from the posterior."""

    sample: bool = Field(
        default=False,
        description="Whether to draw samples from the posterior instead of taking "
        "its mean.",
    )
    samples: Count = Field(
        1, description="Number of samples of each image; only with sample."
    )
    seed: Seed = Field(
        default_factory=new_seed,
        description="Seed of the noise; only with sample. A new one by default.",
    )

    @model_validator(mode="after")
    def check_samples(self, info: ValidationInfo) -> Self:
        """Reject options that have no effect without ``sample``, and too many samples.

        The default of ``samples`` is accepted: some clients send defaults.
        """
        if not self.sample:
            for name in OF_SAMPLES & self.model_fields_set:
                if (name, getattr(self, name)) != ("samples", 1):
                    raise field_error(
                        (name,), "sample", "must be absent unless sample is true"
                    )
        elif self.samples > 1:
            check_image_count(self.image_count, "samples", info)
        return self

    @property
    def image_count(self) -> int:
        """Number of samples of all images."""
        return len(self.images) * self.samples

    @classmethod
    def examples(cls, inputs: ExampleInputs) -> dict[str, object]:
        """Return a body with two images, and one that asks for samples."""
        samples = {
            "images": inputs.images[:2],
            "sample": True,
            "samples": 3,
            "seed": 1,
        }
        return super().examples(inputs) | {"Three samples of each image": samples}


class EncodingRequest(Request):
    """Base of requests whose responses have latents."""

    encoding: Encoding = Field(
        "floats",
        description="Form of the response's latents. floats: numbers; base64: "
        "little-endian float32 bytes.",
    )


class ImageOutputRequest(Request):
    """Base of requests whose responses have images, also available as one picture."""

    scale: Scale = 1

    @property
    def output_count(self) -> int:
        """Number of images in the response."""
        return self.image_count

    def output_limits(self, limits: Limits) -> Limits:
        """Return the limits of the response's images."""
        return limits

    def cost(self, image: ImageCost) -> float:
        """Return the processor time of the request, in milliseconds of one core."""
        write = image.write
        if self.scale > FREE_SCALE:  # an enlarged pixel takes at most a quarter as long
            write *= self.scale**2 / FREE_SCALE**2
        outputs = self.output_count * (image.decode + write)
        return super().cost(image) + outputs

    @model_validator(mode="after")
    def check_scale(self, info: ValidationInfo) -> Self:
        """Reject more output pixels than ``max_items`` images have at scale 4.

        Images of a large model are bounded by memory as well.
        """
        if self.scale > 1:
            limits = self.output_limits(limits_of(info))
            limit = isqrt(limits.max_upscaled // self.output_count)
            if self.scale > limit:
                raise field_error(
                    ("scale",),
                    "scale",
                    "must be 1 to {limit} for {images} images (images x scale x scale "
                    "is at most {bound}); is {scale}",
                    limit=limit,
                    images=self.output_count,
                    bound=limits.upscaled_bound,
                    scale=self.scale,
                )
        return self


class AnimationRequest(ImageOutputRequest):
    """Base of requests whose images are frames, also available as an animation."""

    duration_ms: WholeNumber = Field(
        100,
        ge=20,
        le=10_000,
        description="Duration of an animation's frame in milliseconds; GIF rounds it "
        "to 10 ms.",
    )
    loop: WholeNumber = Field(
        0,
        ge=0,
        le=65535,
        description="Number of times an animation is played; 0: forever.",
    )


def check_length(items: list[object], name: str, minimum: int, limit: int) -> None:
    """Reject a list with too few or too many items; ``name`` is the field."""
    if not minimum <= len(items) <= limit:
        raise field_error(
            (name,),
            "count",
            "must have {minimum} to {limit} items (VAE_MAX_ITEMS); has {count}",
            minimum=minimum,
            limit=limit,
            count=len(items),
        )


def check_image_count(count: int, name: str, info: ValidationInfo) -> None:
    """Reject a total of more images than a request may have; ``name`` is the field."""
    limit = limits_of(info).max_items
    if count > limit:
        raise field_error(
            (name,),
            "images",
            "makes {count} images; the limit is {limit} (VAE_MAX_ITEMS)",
            count=count,
            limit=limit,
        )


# PNGs are written when the response is serialized as JSON: it may be sent as one
# picture or as an animation instead.
OutputImages = Annotated[
    InstanceOf[ImageGrid],
    PlainSerializer(base64_pngs, return_type=list[str]),
    Field(description="Base64 PNG of 8 bits a channel."),
]


class PreprocessedResponse(Response):
    """Base of responses to requests that have images."""

    fitted: list[Preprocessing] | None = Field(
        None,
        description="With explain: preprocessing of each image, in the request's "
        "order.",
    )


class SampledResponse(Response):
    """Base of responses that may be random."""

    seed: int | None = Field(
        None, description="With sample: the seed, which reproduces the noise."
    )


class ImagesResponse(Response):
    """One image for each item, in the request's order."""

    images: OutputImages


def preprocessing_of(
    images: DecodedImages, request: FitRequest
) -> Sequence[Preprocessing] | None:
    """Return the preprocessing of each image if the request asks for it."""
    return images.preprocessing if request.explain else None
