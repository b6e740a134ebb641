"""POST /score: likelihood and label of each image."""

import numpy as np
from pydantic import Field
from typing_extensions import override

from service.imaging.codec import DecodedImages
from service.model.autoencoder import Autoencoder
from service.model.labels import label_classes
from service.model.score import Scores, score
from service.operations.base import (
    ImagesRequest,
    PreprocessedResponse,
    Response,
    preprocessing_of,
)
from service.operations.cost import ImageCost

MIN_CLASSES = 2  # a single one is certain


class ScoreRequest(ImagesRequest):
    """Images to score."""

    @override
    def cost(self, image: ImageCost) -> float:
        return super().cost(image) + self.image_count * image.decode


class ImageScore(Response):
    """Scores of one image.

    Label and probabilities are absent if there are fewer than two classes with statistics.
    """

    squared_error: float = Field(
        description="Squared differences between the image and its reconstruction, "
        "summed over pixels in [0, 1]."
    )
    kl_divergence: float = Field(
        description="KL divergence of the posterior from the prior, in nats."
    )
    elbo: float = Field(
        description="Evidence lower bound of the model's objective, in nats, at the "
        "posterior's mean."
    )
    label: str | None = Field(None, description="The most likely class.")
    probabilities: dict[str, float] | None = Field(
        None, description="Probability of each class, by its name."
    )


class ScoreResponse(PreprocessedResponse):
    """Scores of images."""

    scores: list[ImageScore] = Field(
        description="Scores of each image, in the request's order."
    )


async def score_images(
    request: ScoreRequest, images: DecodedImages, model: Autoencoder
) -> ScoreResponse:
    """Score images: likelihood, label.

    Reconstruction error, ELBO and the probability of each class, from densities in the
    latent space at the posterior's mean. `/inspect` finds anomalies.
    """
    fitted = preprocessing_of(images, request)
    scores = await score(model, images.pixels)
    labels = list(label_classes(model))
    count = len(images.pixels)
    return ScoreResponse(
        scores=[image_score(scores, index, labels) for index in range(count)],
        fitted=fitted,
    )


def image_score(scores: Scores, index: int, labels: list[str]) -> ImageScore:
    """Return the scores of one image of a batch."""
    label = probabilities = None
    if len(labels) >= MIN_CLASSES:
        row = scores.probabilities[index]
        label = labels[np.argmax(row)]
        probabilities = dict(zip(labels, row.tolist(), strict=True))
    return ImageScore(
        squared_error=scores.squared_error[index],
        kl_divergence=scores.kl_divergence[index],
        elbo=scores.elbo[index],
        label=label,
        probabilities=probabilities,
    )
