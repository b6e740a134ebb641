"""Shape and limits of requests for the fake model."""

from service.imaging.pixels import ImageShape
from service.operations.limits import Limits
from tests.samples import HEIGHT, LATENT_SIZE, WIDTH

SHAPE = ImageShape(1, HEIGHT, WIDTH)
LIMITS = Limits(
    image_shape=SHAPE,
    latent_size=LATENT_SIZE,
    max_items=256,
    max_latent=10,
    max_body_bytes=1000,
    labels=tuple("0123456789"),
    has_sampler=True,
    calibration_images=99,
)
