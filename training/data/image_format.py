"""The shape and the colours that every picture of a data set is brought to."""

from dataclasses import dataclass
from typing import Literal

from training.network.mlp import ImageShape

Fit = Literal["ink", "stretch", "pad", "crop"]


@dataclass(frozen=True, slots=True)
class ImageFormat:
    """Shape of a data set's images, and the way a picture of another size gets it.

    Attributes:
        channels: 1 is grey, 3 is sRGB.
        height: In pixels.
        width: In pixels.
        fit: ``stretch`` scales a picture, ``pad`` scales it with its aspect ratio and
            fills the rest with the background, ``crop`` scales its central part.
            ``ink`` is MNIST's preprocessing of pen strokes.
        background: Level of each channel, 0 to 255, around padded pictures and under
            transparent ones; None is black.
    """

    channels: int
    height: int
    width: int
    fit: Fit
    background: tuple[int, ...] | None = None

    @property
    def shape(self) -> ImageShape:
        """Channels, height and width."""
        return self.channels, self.height, self.width
