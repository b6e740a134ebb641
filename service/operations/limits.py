"""Bounds of a request, made from the settings and the model card."""

from dataclasses import dataclass
from typing import cast

from pydantic import ValidationInfo
from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

from service.imaging.codec import ImageShape

MAX_UPSCALED_PIXELS = 16  # output pixels for each pixel of the most items


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that requests are validated with.

    labels: classes whose place in the latent space is known.
    """

    image_shape: ImageShape
    latent_size: int
    max_items: int
    max_body_bytes: int
    max_latent: float
    labels: tuple[int, ...] = ()

    @property
    def max_parts(self) -> int:
        """Largest number of JSON values and names in a body.

        Each item may have a latent's numbers and a few values besides.
        """
        return self.max_items * (self.latent_size + 5) + 64


def limits_of(info: ValidationInfo) -> Limits:
    """Return the limits that a request is validated with."""
    return cast("Limits", info.context)


def field_error(
    location: tuple[int | str, ...], kind: str, message: str, **values: object
) -> ValidationError:
    """Build the error of one field, for validators that look at several.

    ``message`` is a template of the values, as ``PydanticCustomError`` has it.
    """
    error = PydanticCustomError(kind, message, values)
    details = InitErrorDetails(type=error, loc=location, input=None)
    return ValidationError.from_exception_data("Request", [details])
