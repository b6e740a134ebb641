"""POST /interpolate: a path between points of the latent space, frame by frame."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Self

from pydantic import FailFast, Field, ValidationInfo, model_validator
from typing_extensions import TypeAliasType, override

from service.imaging.codec import DecodedImages, image_grid
from service.model.autoencoder import Autoencoder
from service.model.interpolation import InterpolationKind, interpolate_path
from service.operations.base import (
    AnimationRequest,
    EncodingRequest,
    ExampleInputs,
    Location,
    OutputImages,
    PreprocessedResponse,
    check_image_count,
    preprocessing_of,
)
from service.operations.fields import DEFAULT_STEPS, LatentValues, Steps, latent_values
from service.operations.limits import field_error
from service.operations.points import (
    LatentPoint,
    PointsRequest,
    located,
    resolve_points,
)

Waypoints = TypeAliasType(
    "Waypoints",
    Annotated[
        list[LatentPoint],
        FailFast(),
        Field(description="Points of the latent space, in order."),
    ],
)


class InterpolateRequest(EncodingRequest, AnimationRequest, PointsRequest):
    """A path through the latent space."""

    item_lists: ClassVar = {"waypoints": 2}

    waypoints: Waypoints | None = Field(
        None, description="Two or more points on the path, instead of start and end."
    )
    start: LatentPoint | None = Field(None, description="First point of the path.")
    end: LatentPoint | None = Field(None, description="Last point of the path.")
    closed: bool = Field(
        default=False,
        description="Whether the path returns to its first point. It then ends one "
        "step before that point, so that it can be repeated.",
    )
    path: InterpolationKind = Field(
        "linear",
        description="linear: straight, in equal steps; spherical: along an arc about "
        "the origin, straight where there is no angle; even: straight, with steps "
        "that change the image by equal amounts.",
    )
    steps: Steps = Field(
        DEFAULT_STEPS,
        description="Frames from one point to the next, both included.",
    )

    @model_validator(mode="after")
    def check_path(self, info: ValidationInfo) -> Self:
        """Reject ends together with waypoints, a missing end, and too many frames."""
        for name, end in (("start", self.start), ("end", self.end)):
            if self.waypoints is None and end is None:
                raise field_error((name,), "missing", "Field required")
            if self.waypoints is not None and end is not None:
                raise field_error(
                    (name,), "ends", "must be absent if there are waypoints"
                )
        check_image_count(self.image_count, "steps", info)
        return self

    @property
    @override
    def image_count(self) -> int:
        points = len(self.waypoints) if self.waypoints else 2
        if self.closed:
            return points * (self.steps - 1)
        return (points - 1) * (self.steps - 1) + 1

    @override
    def located_points(self) -> Sequence[tuple[Location, LatentPoint]]:
        if self.waypoints:
            return located("waypoints", self.waypoints)
        assert self.start is not None  # noqa: S101 - see check_path
        assert self.end is not None  # noqa: S101
        return [(("start",), self.start), (("end",), self.end)]

    @classmethod
    @override
    def examples(cls, inputs: ExampleInputs) -> dict[str, object]:
        first, second = inputs.images[:2]
        examples: dict[str, object] = {
            "From one image to another": {
                "start": {"image": first},
                "end": {"image": second},
                "steps": DEFAULT_STEPS,
            },
            "From an image to a latent, upscaled": {
                "start": {"image": first},
                "end": {"latent": inputs.latents[1]},
                "steps": 5,
                "scale": 4,
            },
        }
        labels = inputs.labels[:3]
        if len(labels) > 1:
            examples["From one class to another, in even steps"] = {
                "start": {"label": labels[0]},
                "end": {"label": labels[1]},
                "steps": 5,
                "path": "even",
            }
            examples["Through several classes and back"] = {
                "waypoints": [{"label": label} for label in labels],
                "closed": True,
                "steps": 4,
            }
        return examples


class InterpolateResponse(PreprocessedResponse):
    """The path, frame by frame."""

    weights: list[float] = Field(
        description="Position of each frame: 0 at the first point, 1 at the second, "
        "and so on."
    )
    latents: list[LatentValues] = Field(description="Latent of each frame.")
    images: OutputImages


async def interpolate(
    request: InterpolateRequest, images: DecodedImages, model: Autoencoder
) -> InterpolateResponse:
    """Interpolate between points of the latent space.

    Each point is an image's posterior mean, a latent, or the mean of a class.
    The frame at an image's point is its reconstruction, as from `/reconstruct`.
    """
    fitted = preprocessing_of(images, request)
    points = await resolve_points(request.points(), images, model)
    weights, latents = await interpolate_path(
        model, points, request.steps, request.path, closed=request.closed
    )
    pixels = await model.decode(latents)
    return InterpolateResponse(
        weights=weights.tolist(),
        latents=latent_values(latents, request.encoding),
        images=image_grid(pixels, columns=len(latents), scale=request.scale),
        fitted=fitted,
    )
