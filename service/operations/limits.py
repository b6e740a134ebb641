"""Bounds of a request, made from the settings and the model card."""

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter

from pydantic import ValidationInfo
from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

from service.imaging.pixels import ImageShape

MAX_UPSCALED_PIXELS = 16  # output pixels for each pixel of ``max_items`` images
# Bytes of the pixels of a response with enlarged images; it takes 4 times as many.
MAX_UPSCALED_BYTES = 64_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that requests are validated with.

    labels: names of the classes that the model has latent statistics of.
    has_sampler: whether the model has latent statistics, with or without classes.
    calibration_images: number of images that inspections are calibrated on; 0: the
        model cannot inspect.
    """

    image_shape: ImageShape
    latent_size: int
    max_items: int
    max_body_bytes: int
    max_latent: float
    labels: tuple[str, ...] = ()
    has_sampler: bool = False
    calibration_images: int = 0

    @property
    def max_upscaled(self) -> int:
        """Largest number of images x scale x scale in a response, if scale is not 1."""
        shape = self.image_shape
        image_bytes = shape.channels * shape.height * shape.width
        in_memory = MAX_UPSCALED_BYTES // image_bytes
        return min(MAX_UPSCALED_PIXELS * self.max_items, in_memory)

    @property
    def upscaled_bound(self) -> str:
        """The same in words, with the setting that it depends on."""
        if self.max_upscaled == MAX_UPSCALED_PIXELS * self.max_items:
            return f"{MAX_UPSCALED_PIXELS} x VAE_MAX_ITEMS"
        return str(self.max_upscaled)


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
