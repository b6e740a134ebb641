"""POST /generate: new images."""

from itertools import cycle, islice
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field, ValidationInfo, model_validator
from typing_extensions import override

from service.imaging.codec import DecodedImages, image_grid
from service.model.autoencoder import Autoencoder, Floats
from service.model.labels import label_classes
from service.model.latent_space import mixture_samples, prior_samples
from service.model.noise import new_seed
from service.operations.base import (
    EncodingRequest,
    ExampleInputs,
    ImageOutputRequest,
    OutputImages,
    Response,
)
from service.operations.fields import (
    Count,
    LatentValues,
    Seed,
    latent_values,
)
from service.operations.label_fields import LabelOrLabels
from service.operations.limits import field_error, limits_of

MAX_TEMPERATURE = 3.0


class GenerateRequest(EncodingRequest, ImageOutputRequest):
    """Number, class and variety of new images."""

    item_lists: ClassVar = {"label": 1}

    count: Count | None = Field(
        None,
        description="Number of images. By default one for each label given, or one.",
    )
    label: LabelOrLabels | None = Field(
        None,
        description="Classes to use in turn; a single one may be without a list. Any "
        "classes by default.",
    )
    temperature: float = Field(
        1.0,
        ge=0,
        le=MAX_TEMPERATURE,
        description="Factor of the noise about the mean: smaller is more typical, "
        "larger is more varied.",
    )
    seed: Seed = Field(
        default_factory=new_seed,
        description="Seed of the noise. A new one by default.",
    )
    source: Literal["sampler", "prior"] = Field(
        "sampler",
        description="Distribution of the latents. sampler: mixtures of Gaussians "
        "fitted to the data at export, one for each class; prior: the standard normal, "
        "which has no classes.",
    )

    @model_validator(mode="after")
    def check_source(self, info: ValidationInfo) -> Self:
        """Reject labels with the prior, and the sampler without statistics."""
        if self.source == "prior" and self.label is not None:
            raise field_error(
                ("source",), "source", "must be sampler if a label is given"
            )
        if self.source == "sampler" and not limits_of(info).has_sampler:
            raise field_error(
                ("source",),
                "source",
                "must be prior: the model has no latent statistics",
            )
        return self

    @property
    @override
    def image_count(self) -> int:
        if self.count is not None:
            return self.count
        return len(self.label) if isinstance(self.label, list) else 1

    def labels(self) -> list[str] | None:
        """Return the label of each image, or None if no label is given."""
        if self.label is None:
            return None
        given = self.label if isinstance(self.label, list) else [self.label]
        return list(islice(cycle(given), self.image_count))

    @classmethod
    @override
    def examples(cls, inputs: ExampleInputs) -> dict[str, object]:
        examples: dict[str, object] = {"Two new images": {"count": 2, "seed": 1}}
        for label in inputs.labels[-1:]:
            examples[f"A typical image of the class {label}"] = {
                "label": [label],
                "temperature": 0.5,
                "seed": 1,
            }
        examples["From the prior"] = {"source": "prior", "seed": 1}
        return examples


class GenerateResponse(Response):
    """New images and their latents."""

    seed: int = Field(
        description="Seed, which reproduces the noise on any machine. The noise of an "
        "item does not depend on the count."
    )
    labels: list[str] | None = Field(
        None, description="Label of each image, if labels were given."
    )
    latents: list[LatentValues] = Field(description="Latent of each image.")
    images: OutputImages


async def generate(
    request: GenerateRequest, _: DecodedImages, model: Autoencoder
) -> GenerateResponse:
    """Generate new images.

    Latents are drawn from mixtures fitted to each class, or from the prior, and
    decoded. The response's seed reproduces the latents.
    """
    labels = request.labels()
    latents = draw_latents(request, labels, model)
    pixels = await model.decode(latents)
    columns = len(request.label) if isinstance(request.label, list) else None
    return GenerateResponse(
        seed=request.seed,
        labels=labels,
        latents=latent_values(latents, request.encoding),
        images=image_grid(pixels, columns, scale=request.scale),
    )


def draw_latents(
    request: GenerateRequest, labels: list[str] | None, model: Autoencoder
) -> Floats:
    """Draw latents, float32 (count, latent), from the request's source."""
    count, seed = request.image_count, request.seed
    if request.source == "prior":
        return prior_samples(model.card.latent_size, seed, count, request.temperature)
    classes = None
    if labels is not None:
        numbers = label_classes(model)
        classes = np.array([numbers[label] for label in labels])
    return mixture_samples(model.statistics, seed, count, classes, request.temperature)
