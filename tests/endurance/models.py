"""The models that the endurance tests run with, and requests for them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.color_model import color_png
from tests.end_to_end.connection import request
from tests.large_model import photo, write_large_model
from tests.samples import MODEL, card_examples


@dataclass(frozen=True)
class LoadedModel:
    """A model, and two images of its size as base64 PNGs.

    steps: images of a large request.
    queue_seconds: a short queue, for two large requests.
    soak_requests: small requests that take up to a minute.
    """

    folder: Path
    first: str
    second: str
    steps: int
    queue_seconds: float
    soak_requests: int

    @property
    def flags(self) -> tuple[str, ...]:
        """Flags of a service with one worker."""
        return "--workers", "1", "--model", str(self.folder)

    @property
    def small(self) -> bytes:
        """Request for the reconstruction of one image."""
        return request("POST", "/reconstruct", {"images": [self.first]})

    @property
    def large(self) -> bytes:
        """Request that is small to send and costly to compute.

        One client can ask for ten times the capacity.
        """
        points = {"start": {"image": self.first}, "end": {"image": self.second}}
        body = points | {"steps": self.steps}
        return request("POST", "/interpolate", body)


def digits(_: Path) -> LoadedModel:
    """Return the model that ships with the service."""
    first, second = card_examples()[:2]
    return LoadedModel(
        MODEL, first, second, steps=256, queue_seconds=0.007, soak_requests=200_000
    )


def photos(folder: Path) -> LoadedModel:
    """Return a convolutional model of 128 x 128 colour images, made in ``folder``."""
    write_large_model(folder)
    first, second = (color_png(photo(seed)) for seed in range(2))
    return LoadedModel(
        folder, first, second, steps=64, queue_seconds=0.13, soak_requests=6_000
    )


MODELS: dict[str, Callable[[Path], LoadedModel]] = {"digits": digits, "photos": photos}
