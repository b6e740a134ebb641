"""The picture on the documentation page: an interpolation by the served model."""

import numpy as np

from service.api.state import ServedModel
from service.imaging.codec import contact_sheet, image_grid
from service.imaging.plain_png import write_pngs
from service.model.batching import RequestAutoencoder, advance
from service.model.interpolation import interpolate_path
from service.observability.request_context import RequestContext
from service.operations.fields import DEFAULT_STEPS

SCALE = 3


def interpolation_picture(model: ServedModel) -> bytes:
    """Return the interpolation between two example images as a PNG."""
    autoencoder = RequestAutoencoder(model.backend, RequestContext("example"))
    ends = np.array(model.examples.latents[:2], dtype=np.float32)
    path = interpolate_path(autoencoder, ends, DEFAULT_STEPS, "linear", closed=False)
    _, latents = advance(path)
    pixels = model.backend.decode(latents)
    grid = image_grid(pixels, columns=DEFAULT_STEPS, scale=SCALE)
    (picture,) = write_pngs(contact_sheet(grid))
    return picture
