"""Points of the latent space, given as an image, a latent or a label."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import override

from service.imaging.codec import DecodedImages
from service.model.autoencoder import Autoencoder, Floats
from service.model.labels import label_classes
from service.operations.base import FitRequest, Location, Request
from service.operations.fields import Image, Latent
from service.operations.label_fields import Label

FORMS = ("image", "latent", "label")


def describe_one_form(schema: dict[str, Any]) -> None:
    """Require exactly one of the forms in the schema of a point."""
    required = len(schema.get("required", []))
    schema["minProperties"] = required + 1
    schema["maxProperties"] = required + 1
    for field in schema["properties"].values():
        if "anyOf" in field:
            field.update(field.pop("anyOf")[0])
            del field["default"]


class LatentPoint(Request):
    """A point of the latent space, in one of three forms."""

    model_config = ConfigDict(json_schema_extra=describe_one_form)

    image: Image | None = Field(None, description="Its posterior mean is the point.")
    latent: Latent | None = Field(None, description="The point itself.")
    label: Label | None = Field(None, description="The mean of the class.")

    @model_validator(mode="before")
    @classmethod
    def check_form(cls, value: object) -> object:
        """Reject a point without a form, or with more than one."""
        given: list[str] = []
        if isinstance(value, dict):
            given = [form for form in FORMS if value.get(form) is not None]
        if len(given) != 1:
            raise PydanticCustomError(
                "point", "must have an image, a latent or a label, and only one"
            )
        return value


class PointsRequest(FitRequest):
    """Base of requests that have points of the latent space."""

    def located_points(self) -> Sequence[tuple[Location, LatentPoint]]:
        """Return the points in order, each with its location in the body."""
        raise NotImplementedError

    def points(self) -> list[LatentPoint]:
        """Return the points in order."""
        return [point for _, point in self.located_points()]

    @override
    def image_contents(self) -> Sequence[str | bytes]:
        images = [point.image for point in self.points()]
        return [image for image in images if image is not None]

    @override
    def image_location(self, index: int) -> Location:
        with_images = [
            location
            for location, point in self.located_points()
            if point.image is not None
        ]
        location = with_images[index]
        return *location, "image"


def located(
    name: str, points: Sequence[LatentPoint]
) -> list[tuple[Location, LatentPoint]]:
    """Return the points of a list field with their locations in the body."""
    return [((name, index), point) for index, point in enumerate(points)]


def means_of(labels: list[str], model: Autoencoder) -> Sequence[Floats]:
    """Return the mean of each label's class, (latent,)."""
    if not labels:
        return ()
    classes = label_classes(model)
    numbers = [classes[label] for label in labels]
    return list(model.statistics.class_means(numbers))


async def resolve_points(
    points: Sequence[LatentPoint], images: DecodedImages, model: Autoencoder
) -> Floats:
    """Return the latents of points, float32 (points, latent).

    ``images`` are the decoded images among the points; they are encoded in one call.
    """
    posterior_means = iter(())
    if len(images.pixels):
        posterior = await model.encode(images.pixels)
        posterior_means = iter(posterior.mean)
    labels = [point.label for point in points if point.label is not None]
    class_means = iter(means_of(labels, model))
    latents: list[Floats | list[float]] = []
    for point in points:
        if point.image is not None:
            latents.append(next(posterior_means))
        elif point.latent is not None:
            latents.append(point.latent)
        else:
            latents.append(next(class_means))
    return np.array(latents, dtype=np.float32)
