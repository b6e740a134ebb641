"""The bodies of requests and answers of what is done in the latent space."""

from collections.abc import Mapping
from functools import partial
from itertools import cycle, islice
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    FailFast,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

from service.api.schemas import (
    AnimationRequest,
    Answer,
    EncodingRequest,
    ExampleInputs,
    ExplainedAnswer,
    FitRequest,
    ImagesAnswer,
    ImagesOut,
    LatentOut,
    PicturesRequest,
    Request,
)
from service.imaging.reader import look_like_plain_pngs
from service.model.interpolation import InterpolationKind
from service.model.latent_space import RADIUS
from service.model.noise import new_seed
from service.operations.fields import (
    DEFAULT_STEPS,
    UNION_TAGS,
    Count,
    Digit,
    Image,
    Latent,
    Limits,
    Seed,
    Steps,
    check_count,
    check_images,
    limits_of,
    number_of,
    number_or_list,
    whole_number,
)

MAX_TEMPERATURE = 3.0
MAX_WEIGHT = 100.0


def check_dimension(value: int, info: ValidationInfo) -> int:
    """Refuse a coordinate that a latent does not have."""
    size = limits_of(info).latent_size
    if not 0 <= value < size:
        raise PydanticCustomError(
            "dimension",
            "must be 0 to {last}; is {value}",
            {"last": size - 1, "value": str(value)[:20]},
        )
    return value


def check_offset(value: float, info: ValidationInfo) -> float:
    """Refuse to move a coordinate farther than it may be from 0."""
    bound = limits_of(info).max_latent
    if not abs(value) <= bound:
        raise PydanticCustomError(
            "offset",
            "must be -{bound} to {bound} (VAE_MAX_LATENT); is {value}",
            {"bound": f"{bound:g}", "value": f"{value:g}"},
        )
    return value


def items(value: object) -> int:
    """How many a field names that may be one or a list."""
    return len(value) if isinstance(value, list) else 1


# Named types, so that OpenAPI has each once, where ``docs`` writes its bounds.
Digits = TypeAliasType(
    "Digits",
    Annotated[
        list[Digit],
        FailFast(),
        BeforeValidator(partial(check_count, 1)),
        Field(description="Digits, in turn."),
    ],
)
Dimension = TypeAliasType(
    "Dimension",
    Annotated[
        int,
        Field(description="A coordinate of a latent, counted from 0."),
        AfterValidator(check_dimension),
        BeforeValidator(whole_number),
    ],
)
Dimensions = TypeAliasType(
    "Dimensions",
    Annotated[
        list[Dimension],
        FailFast(),
        BeforeValidator(partial(check_count, 1)),
        Field(description="Coordinates, in order."),
    ],
)
Offset = TypeAliasType(
    "Offset",
    Annotated[
        float,
        Field(description="What is added to a coordinate."),
        AfterValidator(check_offset),
    ],
)


class GenerateRequest(EncodingRequest, PicturesRequest):
    """New images: how many, of what, and how bold."""

    count: Count | None = Field(
        None,
        description="Absent: one of each digit named, else one. Fewer: of the first.",
    )
    digit: (
        Annotated[
            Annotated[Digit, Tag(UNION_TAGS["one"])]
            | Annotated[Digits, Tag(UNION_TAGS["list"])],
            Discriminator(number_or_list),
        ]
        | None
    ) = Field(
        None,
        description="A digit, or several that are gone through in turn; absent: any.",
    )
    temperature: float = Field(
        1.0,
        ge=0,
        le=MAX_TEMPERATURE,
        description="What the noise about the middle is multiplied by: less is plainer, more is bolder.",
    )
    seed: Seed = Field(
        default_factory=new_seed,
        description="What the noise follows from. Absent: a new one.",
    )
    source: Literal["sampler", "prior"] = Field(
        "sampler",
        validate_default=True,
        description="sampler: where the data's digits lie, fitted when the model was exported; prior: the standard "
        "normal, which knows of no digits.",
    )

    @field_validator("source")
    @classmethod
    def check_source(cls, value: str, info: ValidationInfo) -> str:
        """Refuse what the source cannot give."""
        if value == "prior" and info.data.get("digit") is not None:
            raise PydanticCustomError(
                "source", "must be sampler where a digit is asked for"
            )
        if value == "sampler" and not limits_of(info).labels:
            raise PydanticCustomError(
                "source", "must be prior: the model does not tell where its digits lie"
            )
        return value

    @classmethod
    def examples(cls, ingredients: ExampleInputs) -> dict[str, object]:  # noqa: ARG003 - made of seeds alone
        """See ``Request``."""
        return {
            "Two new digits": {"count": 2, "seed": 1},
            "A three, close to the middle": {"digit": 3, "temperature": 0.5, "seed": 1},
            "From the prior": {"source": "prior", "seed": 1},
        }

    @classmethod
    def asked_images(cls, content: Mapping[str, object]) -> float:
        """See ``Request``."""
        return number_of(content.get("count"), items(content.get("digit")))

    def digits(self) -> list[int] | None:
        """The digit of each image, where digits are asked for."""
        if self.digit is None:
            return None
        named = self.digit if isinstance(self.digit, list) else [self.digit]
        return list(islice(cycle(named), self.count or len(named)))


class GenerateAnswer(Answer):
    """New images, and where they came from."""

    seed: int = Field(
        description="Gives the same noise again, on any machine; an item's does not depend on the count."
    )
    digits: list[int] | None = Field(
        None, description="The digit of each image, where digits were asked for."
    )
    latents: list[LatentOut] = Field(description="The latent of each image.")
    images: ImagesOut


def frames_of(points: float, steps: float, *, closed: bool) -> float:
    """How many frames a walk through so many points has."""
    return (points - 1) * (steps - 1) + 1 if not closed else points * (steps - 1)


def only_one(schema: dict[str, Any]) -> None:
    """Tell of an object that it has one of its fields that may be absent, and not as null."""
    required = len(schema.get("required", []))
    schema.update(minProperties=required + 1, maxProperties=required + 1)
    for field in schema["properties"].values():
        if "anyOf" in field:
            field.update(field.pop("anyOf")[0])
            del field["default"]


class LatentPoint(Request):
    """A point in latent space, given by one of three."""

    model_config = ConfigDict(json_schema_extra=only_one)

    image: Image | None = Field(None, description="Its posterior mean is the point.")
    latent: Latent | None = Field(None, description="The point itself.")
    digit: Digit | None = Field(None, description="The mean of its class is the point.")

    @model_validator(mode="before")
    @classmethod
    def check_kind(cls, value: object) -> object:
        """Refuse none of them, or more than one."""
        kinds = [
            kind
            for kind in ("image", "latent", "digit")
            if isinstance(value, dict) and kind in value
        ]
        if len(kinds) != 1 or cast("dict[str, object]", value)[kinds[0]] is None:
            raise PydanticCustomError(
                "parent", "must have an image, a latent or a digit, and only one"
            )
        return value


class ParentsRequest(FitRequest):
    """Base of requests that bring points in latent space."""

    parents_in: ClassVar[
        tuple[str, ...]
    ]  # the fields that are a point, or a list of them

    @classmethod
    def is_light(cls, content: object, limits: Limits) -> bool:
        """Look at those that are images."""
        fields = (
            [content.get(name) for name in cls.parents_in]
            if isinstance(content, dict)
            else []
        )
        parents = [
            parent
            for field in fields
            for parent in (field if isinstance(field, list) else [field])
        ]
        images = [
            parent["image"]
            for parent in parents
            if isinstance(parent, dict) and "image" in parent
        ]
        return look_like_plain_pngs(images, limits.image_height, limits.image_width)


Waypoints = TypeAliasType(
    "Waypoints",
    Annotated[
        list[LatentPoint],
        FailFast(),
        BeforeValidator(partial(check_count, 2)),
        Field(description="Points in latent space, in order."),
    ],
)


class InterpolateRequest(EncodingRequest, AnimationRequest, ParentsRequest):
    """Where to walk, and how."""

    parents_in = ("waypoints", "start", "end")

    waypoints: Waypoints | None = Field(
        None, description="Two points or more to walk through, not start and end."
    )
    start: LatentPoint | None = Field(
        None, validate_default=True, description="Where the walk begins."
    )
    end: LatentPoint | None = Field(
        None, validate_default=True, description="Where the walk ends."
    )
    closed: bool = Field(
        default=False,
        description="Whether it goes back to where it began, ending one step before, to be repeated.",
    )
    path: InterpolationKind = Field(
        "linear",
        description="linear: straight, in equal steps; spherical: along an arc about the origin, straight where there "
        "is no angle; even: straight, each of a leg's steps changing the picture as much as the next.",
    )
    steps: Steps = Field(
        DEFAULT_STEPS,
        validate_default=True,
        description="Frames from a point to the next, both included.",
    )

    @field_validator("start", "end")
    @classmethod
    def check_end(
        cls, value: LatentPoint | None, info: ValidationInfo
    ) -> LatentPoint | None:
        """Refuse ends beside waypoints, and to have neither."""
        if "waypoints" in info.data:
            if value is None and info.data["waypoints"] is None:
                raise PydanticCustomError("missing", "Field required")
            if value is not None and info.data["waypoints"] is not None:
                raise PydanticCustomError(
                    "ends", "must be absent where there are waypoints"
                )
        return value

    @field_validator("steps")
    @classmethod
    def check_frames(cls, value: int, info: ValidationInfo) -> int:
        """Refuse more frames in all legs together than a request may have items."""
        points = len(info.data.get("waypoints") or "..")
        check_images(
            frames_of(points, value, closed=info.data.get("closed", False)), info
        )
        return value

    @classmethod
    def examples(cls, ingredients: ExampleInputs) -> dict[str, object]:
        """See ``Request``."""
        first, second = ingredients.images[:2]
        return {
            "From an image to another": {
                "start": {"image": first},
                "end": {"image": second},
                "steps": DEFAULT_STEPS,
            },
            "From an image to a latent, enlarged": {
                "start": {"image": first},
                "end": {"latent": ingredients.latents[1]},
                "steps": 5,
                "scale": 4,
            },
            "From a digit to another, changing evenly": {
                "start": {"digit": 0},
                "end": {"digit": 1},
                "steps": 5,
                "path": "even",
            },
            "Around three digits": {
                "waypoints": [{"digit": 0}, {"digit": 1}, {"digit": 3}],
                "closed": True,
                "steps": 4,
            },
        }

    @classmethod
    def asked_images(cls, content: Mapping[str, object]) -> float:
        """See ``Request``."""
        points, steps = (
            number_of(content.get("waypoints"), 2),
            number_of(content.get("steps"), DEFAULT_STEPS),
        )
        return max(
            points, frames_of(points, steps, closed=content.get("closed") is True)
        )

    def points(self) -> list[LatentPoint]:
        """Where the walk goes through."""
        return self.waypoints or [parent for parent in (self.start, self.end) if parent]


class InterpolateAnswer(ExplainedAnswer):
    """The walk, frame by frame."""

    weights: list[float] = Field(
        description="Where each frame lies: 0 at the first point, 1 at the second, and so on."
    )
    latents: list[LatentOut] = Field(description="The latent of each frame.")
    images: ImagesOut


class Term(LatentPoint):
    """A point in latent space, and how often it is added."""

    weight: Annotated[
        float,
        Field(
            ge=-MAX_WEIGHT,
            le=MAX_WEIGHT,
            allow_inf_nan=False,
            description="Negative: taken away.",
        ),
    ]


Terms = TypeAliasType(
    "Terms",
    Annotated[
        list[Term],
        FailFast(),
        BeforeValidator(partial(check_count, 1)),
        Field(description="What is added up."),
    ],
)


class ArithmeticRequest(EncodingRequest, PicturesRequest, ParentsRequest):
    """A weighted sum."""

    counted = "terms"
    draws_one = True
    parents_in = ("terms",)

    terms: Terms
    clip: bool = Field(
        default=True,
        description="Whether a sum that lies farther out than the data does is drawn back towards the origin, as far "
        f"as {RADIUS:g} times the square root of the latent's length.",
    )

    @classmethod
    def examples(cls, ingredients: ExampleInputs) -> dict[str, object]:
        """See ``Request``."""
        first, second = ingredients.images[:2]
        return {
            "Half of each of two images": {
                "terms": [
                    {"weight": 0.5, "image": first},
                    {"weight": 0.5, "image": second},
                ]
            },
            "An image, less zero, and one": {
                "terms": [
                    {"weight": 1, "image": first},
                    {"weight": -1, "digit": 0},
                    {"weight": 1, "digit": 1},
                ]
            },
        }


class ArithmeticAnswer(ImagesAnswer, ExplainedAnswer):
    """The sum."""

    latent: LatentOut = Field(description="The sum, clipped.")
    clipped: float = Field(
        description="What the sum was multiplied by to be drawn back; 1: it is as it was."
    )


class TraverseRequest(EncodingRequest, PicturesRequest, ParentsRequest):
    """A point, and how to move about it."""

    parents_in = ("start",)

    start: LatentPoint = Field(description="The point to move about.")
    dimensions: Annotated[
        Annotated[Dimension, Tag(UNION_TAGS["one"])]
        | Annotated[Dimensions, Tag(UNION_TAGS["list"])],
        Discriminator(number_or_list),
    ] = Field(
        description="The latent's coordinate to be moved, or several, a row each."
    )
    range: list[Offset] = Field(
        [-3.0, 3.0],
        min_length=2,
        max_length=2,
        description="The first and the last offset; between them equal steps.",
    )
    steps: Steps = Field(
        DEFAULT_STEPS, validate_default=True, description="Images in a row."
    )

    @field_validator("steps")
    @classmethod
    def check_grid(cls, value: int, info: ValidationInfo) -> int:
        """Refuse more images in all rows together than a request may have items."""
        check_images(value * items(info.data.get("dimensions")), info)
        return value

    @classmethod
    def examples(cls, ingredients: ExampleInputs) -> dict[str, object]:
        """See ``Request``."""
        return {
            "Two dimensions of an image": {
                "start": {"image": ingredients.images[0]},
                "dimensions": [0, 1],
                "steps": 5,
            },
            "One dimension of a digit": {
                "start": {"digit": 3},
                "dimensions": 2,
                "steps": 5,
            },
        }

    @classmethod
    def asked_images(cls, content: Mapping[str, object]) -> float:
        """See ``Request``."""
        return items(content.get("dimensions")) * number_of(
            content.get("steps"), DEFAULT_STEPS
        )

    def rows(self) -> list[int]:
        """The coordinate that each row moves."""
        return (
            self.dimensions if isinstance(self.dimensions, list) else [self.dimensions]
        )


class TraverseAnswer(ImagesAnswer, ExplainedAnswer):
    """A grid of images, row by row."""

    dimensions: list[int] = Field(description="The coordinate that each row moves.")
    offsets: list[float] = Field(description="By how much, in each column.")
    latents: list[LatentOut] = Field(description="The latent of each image.")
