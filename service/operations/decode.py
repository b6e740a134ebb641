"""POST /decode: the image of each latent."""

from typing import ClassVar

import numpy as np
from typing_extensions import override

from service.imaging.codec import DecodedImages, image_grid
from service.model.autoencoder import Autoencoder
from service.operations.base import ExampleInputs, ImageOutputRequest, ImagesResponse
from service.operations.fields import Latents


class DecodeRequest(ImageOutputRequest):
    """Latents to decode."""

    item_lists: ClassVar = {"latents": 1}

    latents: Latents

    @property
    @override
    def image_count(self) -> int:
        return len(self.latents)

    @classmethod
    @override
    def examples(cls, inputs: ExampleInputs) -> dict[str, object]:
        return {"Two latents": {"latents": inputs.latents[:2]}}


async def decode(
    request: DecodeRequest, _: DecodedImages, model: Autoencoder
) -> ImagesResponse:
    """Decode latents to images.

    Any point of the latent space can be decoded; samples from a standard normal look
    like new data.
    """
    latents = np.array(request.latents, dtype=np.float32)
    pixels = await model.decode(latents)
    return ImagesResponse(images=image_grid(pixels, scale=request.scale))
