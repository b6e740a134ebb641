"""POST /arithmetic: a weighted sum of points of the latent space."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

import numpy as np
from pydantic import FailFast, Field
from typing_extensions import TypeAliasType, override

from service.imaging.codec import DecodedImages, image_grid
from service.model.autoencoder import Autoencoder
from service.model.latent_space import RADIUS, clip_factor, weighted_sum
from service.operations.base import (
    EncodingRequest,
    ExampleInputs,
    ImageOutputRequest,
    ImagesResponse,
    Location,
    PreprocessedResponse,
    preprocessing_of,
)
from service.operations.fields import LatentValues, latent_values
from service.operations.points import (
    LatentPoint,
    PointsRequest,
    located,
    resolve_points,
)

MAX_WEIGHT = 100.0


class Term(LatentPoint):
    """A point of the latent space and its weight."""

    weight: Annotated[
        float,
        Field(
            ge=-MAX_WEIGHT,
            le=MAX_WEIGHT,
            allow_inf_nan=False,
            description="Factor of the point; a negative one subtracts it.",
        ),
    ]


Terms = TypeAliasType(
    "Terms",
    Annotated[list[Term], FailFast(), Field(description="Terms of the sum.")],
)


class ArithmeticRequest(EncodingRequest, ImageOutputRequest, PointsRequest):
    """A weighted sum."""

    item_lists: ClassVar = {"terms": 1}

    terms: Terms
    clip: bool = Field(
        default=True,
        description="Whether a sum outside the data's region is scaled towards the "
        f"origin, to {RADIUS:g} times the square root of the number of dimensions.",
    )

    @property
    @override
    def image_count(self) -> int:
        return len(self.terms)

    @property
    @override
    def output_count(self) -> int:
        return 1

    @override
    def located_points(self) -> Sequence[tuple[Location, LatentPoint]]:
        return located("terms", self.terms)

    @classmethod
    @override
    def examples(cls, inputs: ExampleInputs) -> dict[str, object]:
        first, second = inputs.images[:2]
        examples: dict[str, object] = {
            "Mean of two images": {
                "terms": [
                    {"weight": 0.5, "image": first},
                    {"weight": 0.5, "image": second},
                ]
            }
        }
        if len(inputs.labels) > 1:
            one, other = inputs.labels[:2]
            examples[f"An image, minus {one}, plus {other}"] = {
                "terms": [
                    {"weight": 1, "image": first},
                    {"weight": -1, "label": one},
                    {"weight": 1, "label": other},
                ]
            }
        return examples


class ArithmeticResponse(ImagesResponse, PreprocessedResponse):
    """The sum and its image."""

    latent: LatentValues = Field(description="The sum, clipped.")
    clipped: float = Field(
        description="Factor that the sum was scaled by; 1: not clipped."
    )


async def arithmetic(
    request: ArithmeticRequest, images: DecodedImages, model: Autoencoder
) -> ArithmeticResponse:
    """Add points of the latent space, each with a weight.

    An image, minus the mean of its class, plus the mean of another class, is an image
    of that class in the same style. A sum outside the data's region decodes badly: it is scaled
    towards the origin, unless clip is false.
    """
    fitted = preprocessing_of(images, request)
    points = await resolve_points(request.terms, images, model)
    weights = np.array([term.weight for term in request.terms])
    total = weighted_sum(points, weights)
    factor = clip_factor(total) if request.clip else 1.0
    latent = (total * np.float32(factor))[np.newaxis]
    pixels = await model.decode(latent)
    return ArithmeticResponse(
        latent=latent_values(latent, request.encoding)[0],
        clipped=factor,
        images=image_grid(pixels, scale=request.scale),
        fitted=fitted,
    )
