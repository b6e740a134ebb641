"""Processor time that an image of a request takes, by step."""

from dataclasses import dataclass
from typing import Self

from service.imaging.pixels import ImageShape
from service.model.cost import ModelCost

# Milliseconds for one number of an image's pixels, measured on images of 28 x 28 to
# 128 x 128, grey and in color. In a batch, a plain PNG takes 5 ns to read and 6 to 24 ns
# to write and send.
READ_MS = 5e-6
WRITE_MS = 1.5e-5
# A frame of an animation takes 4 to 60 ns, and of a GIF in color, which needs a palette,
# 450 ns.
ANIMATE_MS = 5e-5
COLOR_GIF_MS = 4.5e-4
# A number as JSON takes 80 to 120 ns.
NUMBER_MS = 1e-4
# A pixel of a map takes up to 70 ns to be assigned to a region, if half of them are
# anomalous.
REGIONS_MS = 7e-5


@dataclass(frozen=True, slots=True)
class ImageCost:
    """Processor time of one image of the model's size, in milliseconds of one core.

    read: to decode a plain PNG.
    encode, decode: to compute the model.
    inspect: to compute the anomaly map and find its regions, at most.
    write: to encode a PNG.
    animate: to encode a frame of an animation, but for GIF.
    gif: to encode a frame of a GIF.
    numbers: to read or write its pixels as JSON numbers.
    """

    read: float
    encode: float
    decode: float
    write: float
    animate: float
    gif: float
    numbers: float
    inspect: float = 0.0

    @classmethod
    def of(cls, shape: ImageShape, model: ModelCost) -> Self:
        """Return the cost of an image of a shape, computed by a model."""
        numbers = shape.channels * shape.height * shape.width
        gif_ms = ANIMATE_MS if shape.is_grey else COLOR_GIF_MS
        return cls(
            read=READ_MS * numbers,
            encode=model.encode,
            decode=model.decode,
            write=WRITE_MS * numbers,
            animate=ANIMATE_MS * numbers,
            gif=gif_ms * numbers,
            numbers=NUMBER_MS * numbers,
            inspect=model.inspect + REGIONS_MS * shape.height * shape.width,
        )
