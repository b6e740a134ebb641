"""The bodies of requests and answers of what is done in the latent space alone."""

from collections.abc import Mapping
from functools import partial
from itertools import cycle, islice
from typing import Annotated, Literal

from pydantic import BeforeValidator, Discriminator, FailFast, Field, Tag, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

from service.api.schemas import (
    UNION_TAGS,
    Answer,
    Count,
    Digit,
    EncodingRequest,
    ImagesOut,
    Ingredients,
    LatentOut,
    PicturesRequest,
    Seed,
    check_count,
    limits_of,
    number_of,
    number_or_list,
)

MOST_TEMPERATURE = 3.0

Digits = TypeAliasType(
    "Digits",
    Annotated[list[Digit], FailFast(), BeforeValidator(partial(check_count, 1)), Field(description="Digits, in turn.")],
)


class GenerateRequest(EncodingRequest, PicturesRequest):
    """New images: how many, of what, and how bold."""

    count: Count | None = Field(None, description="Absent: one of each digit named, else one.")
    digit: (
        Annotated[
            Annotated[Digit, Tag(UNION_TAGS["one"])] | Annotated[Digits, Tag(UNION_TAGS["list"])],
            Discriminator(number_or_list),
        ]
        | None
    ) = Field(None, description="A digit, or several that are gone through in turn; absent: any.")
    temperature: float = Field(
        1.0,
        ge=0,
        le=MOST_TEMPERATURE,
        description="What the noise about the middle is multiplied by: less is plainer, more is bolder.",
    )
    seed: Seed | None = Field(None, description="Absent: the service draws one.")
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
            raise PydanticCustomError("source", "must be sampler where a digit is asked for")
        if value == "sampler" and not limits_of(info).labels:
            raise PydanticCustomError("source", "must be prior: the model does not tell where its digits lie")
        return value

    @classmethod
    def examples(cls, ingredients: Ingredients) -> dict[str, object]:  # noqa: ARG003 - made of seeds alone
        """See ``Request``."""
        return {
            "Two new digits": {"count": 2, "seed": 1},
            "A three, close to the middle": {"digit": 3, "temperature": 0.5, "seed": 1},
            "From the prior": {"source": "prior", "seed": 1},
        }

    @classmethod
    def asked_images(cls, content: Mapping[str, object]) -> float:
        """See ``Request``."""
        digits = content.get("digit")
        return number_of(content.get("count"), len(digits) if isinstance(digits, list) else 1)

    def digits(self) -> list[int] | None:
        """The digit of each image, where digits are asked for."""
        if self.digit is None:
            return None
        named = self.digit if isinstance(self.digit, list) else [self.digit]
        return list(islice(cycle(named), self.count or len(named)))


class GenerateAnswer(Answer):
    """New images, and where they came from."""

    seed: int = Field(description="Gives the same noise again, on any machine; an item's does not depend on the count.")
    digits: list[int] | None = Field(None, description="The digit of each image, where digits were asked for.")
    latents: list[LatentOut] = Field(description="The latent of each image.")
    images: ImagesOut
