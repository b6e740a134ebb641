"""POST /traverse: a grid of images along dimensions of the latent space."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Self

import numpy as np
from pydantic import FailFast, Field, ValidationInfo, model_validator
from typing_extensions import override

from service.imaging.codec import DecodedImages, image_grid
from service.model.autoencoder import Autoencoder
from service.model.latent_space import traversal
from service.operations.base import (
    EncodingRequest,
    ExampleInputs,
    ImageOutputRequest,
    ImagesResponse,
    Location,
    PreprocessedResponse,
    check_image_count,
    preprocessing_of,
)
from service.operations.fields import (
    DEFAULT_STEPS,
    DimensionOrDimensions,
    LatentValues,
    Offset,
    Steps,
    latent_values,
)
from service.operations.points import LatentPoint, PointsRequest, resolve_points


class TraverseRequest(EncodingRequest, ImageOutputRequest, PointsRequest):
    """A point, and the dimensions to vary."""

    item_lists: ClassVar = {"dimensions": 1}

    start: LatentPoint = Field(description="The point to vary.")
    dimensions: DimensionOrDimensions = Field(
        description="Dimensions of the latent space to vary, one a row; one may also "
        "be without a list."
    )
    range: Annotated[list[Offset], FailFast()] = Field(
        [-3.0, 3.0],
        min_length=2,
        max_length=2,
        description="First and last offset, with equal steps between them.",
    )
    steps: Steps = Field(DEFAULT_STEPS, description="Images in a row.")

    @model_validator(mode="after")
    def check_grid(self, info: ValidationInfo) -> Self:
        """Reject a grid of more images than a request may have."""
        check_image_count(self.image_count, "steps", info)
        return self

    @property
    @override
    def image_count(self) -> int:
        return len(self.rows()) * self.steps

    @override
    def located_points(self) -> Sequence[tuple[Location, LatentPoint]]:
        return [(("start",), self.start)]

    def rows(self) -> list[int]:
        """Return the dimension that each row varies."""
        if isinstance(self.dimensions, list):
            return self.dimensions
        return [self.dimensions]

    @classmethod
    @override
    def examples(cls, inputs: ExampleInputs) -> dict[str, object]:
        examples: dict[str, object] = {
            "Two dimensions of an image": {
                "start": {"image": inputs.images[0]},
                "dimensions": [0, 1],
                "steps": 5,
            },
        }
        for label in inputs.labels[-1:]:
            examples["One dimension of the mean of a class"] = {
                "start": {"label": label},
                "dimensions": [0],
                "steps": 5,
            }
        return examples


class TraverseResponse(ImagesResponse, PreprocessedResponse):
    """A grid of images, row by row."""

    dimensions: list[int] = Field(description="Dimension that each row varies.")
    offsets: list[float] = Field(description="Offset of each column.")
    latents: list[LatentValues] = Field(description="Latent of each image.")


async def traverse(
    request: TraverseRequest, images: DecodedImages, model: Autoencoder
) -> TraverseResponse:
    """Vary single dimensions of a latent.

    Each row of the grid varies one dimension from the first offset to the last, with
    the others fixed.
    """
    fitted = preprocessing_of(images, request)
    (start,) = await resolve_points(request.points(), images, model)
    first, last = request.range
    offsets = np.linspace(first, last, request.steps)
    latents = traversal(start, request.rows(), offsets)
    pixels = await model.decode(latents)
    return TraverseResponse(
        dimensions=request.rows(),
        offsets=offsets.tolist(),
        latents=latent_values(latents, request.encoding),
        images=image_grid(pixels, columns=request.steps, scale=request.scale),
        fitted=fitted,
    )
