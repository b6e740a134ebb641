"""Bounds of a request, made from the settings and the model card."""

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter

from pydantic import ValidationInfo
from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

from service.imaging.pixels import ImageShape

MAX_UPSCALED_PIXELS = 16  # output pixels for each pixel of ``max_items`` images


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that requests are validated with.

    labels: names of the classes that the model has latent statistics of.
    has_sampler: whether the model has latent statistics, with or without classes.
    """

    image_shape: ImageShape
    latent_size: int
    max_items: int
    max_body_bytes: int
    max_latent: float
    labels: tuple[str, ...] = ()
    has_sampler: bool = False


# Returns the limits that a request is validated with.
limits_of: Callable[[ValidationInfo], Limits] = attrgetter("context")


def field_error(
    location: tuple[int | str, ...], kind: str, message: str, **values: object
) -> ValidationError:
    """Build the error of one field, for validators of several fields.

    ``message`` is a template with the values' names, as for ``PydanticCustomError``.
    """
    error = PydanticCustomError(kind, message, values)
    details = InitErrorDetails(type=error, loc=location, input=None)
    return ValidationError.from_exception_data("Request", [details])
