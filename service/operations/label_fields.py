"""Types of the fields that name a class of the model's data."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    FailFast,
    Field,
    Tag,
    ValidationInfo,
)
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

from service.operations.fields import (
    ONE,
    SEVERAL,
    DescribedAsList,
    one_or_several,
    whole_number,
)
from service.operations.limits import limits_of

# Of a message.
MAX_SHOWN_LABELS = 20
MAX_SHOWN_CHARACTERS = 20


def numeral(value: object) -> object:
    """Convert a whole number to its numeral, which may be the name of a class."""
    number = whole_number(value)
    return str(number) if type(number) is int else value


def check_label(value: str, info: ValidationInfo) -> str:
    """Reject a class without latent statistics."""
    labels = limits_of(info).labels
    if not labels:
        raise PydanticCustomError(
            "label", "must be absent: the model has no statistics of classes"
        )
    if value not in labels:
        raise PydanticCustomError(
            "label",
            "must be one of {labels}; is {value}",
            {"labels": first_labels(labels), "value": value[:MAX_SHOWN_CHARACTERS]},
        )
    return value


def first_labels(labels: Sequence[str]) -> str:
    """Return labels as text, and only the number of those after the first 20."""
    shown = ", ".join(labels[:MAX_SHOWN_LABELS])
    others = len(labels) - MAX_SHOWN_LABELS
    if others > 0:
        return f"{shown} or {others} more"
    return shown


Label = TypeAliasType(
    "Label",
    Annotated[
        str,
        Field(description="Name of a class of the model's data."),
        AfterValidator(check_label),
        BeforeValidator(numeral),
    ],
)
Labels = TypeAliasType(
    "Labels",
    Annotated[list[Label], FailFast(), Field(description="Classes, used in turn.")],
)
LabelOrLabels = Annotated[
    Annotated[Label, Tag(ONE)] | Annotated[Labels, Tag(SEVERAL)],
    Discriminator(one_or_several),
    DescribedAsList(),
]
