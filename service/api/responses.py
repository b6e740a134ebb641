"""Content negotiation (RFC 9110, 12.5.1), and responses: JSON, PNG or an animation."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import NamedTuple, Protocol

from service.api.body import JSON, header_text, listed
from service.api.errors import NOT_ACCEPTABLE, ProblemError
from service.imaging.animation import write_apng, write_gif, write_webp
from service.imaging.codec import ImageGrid, contact_sheet
from service.imaging.pixels import Pixels
from service.imaging.plain_png import write_pngs
from service.operations.base import AnimationRequest, ImageOutputRequest, Request

PNG = b"image/png"
GIF = b"image/gif"
IMAGE = b"image/"  # beginning of the images' media types
ANYTHING = b"*/*"
# Frequent values of Accept that allow JSON.
JSON_RANGES = frozenset({ANYTHING, b"application/*", JSON})
# Java sends "q=.2".
WEIGHT = re.compile(rb"q=(0?\.[0-9]{1,3}|0\.?|1(?:\.0{0,3})?)")


class Content(NamedTuple):
    """Body of a response, and the headers that describe it."""

    body: bytes
    headers: Sequence[tuple[bytes, bytes]]


class ImagesResult(Protocol):
    """A response that has images."""

    @property
    def images(self) -> ImageGrid:
        """Images, already upscaled."""


def write_picture(_: ImageOutputRequest, result: ImagesResult) -> bytes:
    """Write all images as one PNG."""
    (content,) = write_pngs(contact_sheet(result.images))
    return content


def write_animation(
    write: Callable[[Pixels, int, int], bytes],
    request: AnimationRequest,
    result: ImagesResult,
) -> bytes:
    """Write all images as the frames of an animation."""
    return write(result.images.images, request.duration_ms, request.loop)


# Writers of a request and its result, by media type.
PICTURES: Mapping[bytes, Callable[..., bytes]] = MappingProxyType({PNG: write_picture})
ANIMATIONS: Mapping[bytes, Callable[..., bytes]] = MappingProxyType(
    {
        GIF: partial(write_animation, write_gif),
        b"image/webp": partial(write_animation, write_webp),
        b"image/apng": partial(write_animation, write_apng),
    }
)
WRITERS = {**PICTURES, **ANIMATIONS}


def media_types_of(schema: type[Request]) -> tuple[bytes, ...]:
    """Return the media types of responses to such requests, JSON first."""
    types = [JSON]
    if issubclass(schema, ImageOutputRequest):
        types += PICTURES
    if issubclass(schema, AnimationRequest):
        types += ANIMATIONS
    return tuple(types)


def accepted_type(accept: bytes, types: Sequence[bytes]) -> bytes:
    """Return the media type that a client prefers.

    Raises ProblemError if it accepts none.
    """
    preferred = preferred_type(accept, types)
    if preferred is None:
        raise ProblemError(
            NOT_ACCEPTABLE,
            f"Accept must allow {listed(types)}; is {header_text(accept)}",
            {"Vary": "Accept"},
        )
    return preferred


def preferred_type(accept: bytes, types: Sequence[bytes]) -> bytes | None:
    """Return the type with the greatest weight in Accept, the first of equal ones.

    An image is preferred to JSON only where Accept names no other kind of type with the
    same weight or more: browsers and Java's clients name some images by default. Return
    None if no type is acceptable.
    """
    weights = dict(weighted_range(part) for part in accept.lower().split(b","))
    best = max(types, key=lambda media_type: weight_of(media_type, weights))
    weight = weight_of(best, weights)
    if best.startswith(IMAGE) and weight_of(JSON, weights):
        others = weights_without_images(weights)
        if max(others, default=0.0) >= weight:
            return JSON
    return best if weight else None


def weights_without_images(weights: Mapping[bytes, float]) -> list[float]:
    """Return the weights of the ranges that name another kind of type than images."""
    others = []
    for media_range, weight in weights.items():
        if media_range != ANYTHING and not media_range.startswith(IMAGE):
            others.append(weight)
    return others


def weighted_range(part: bytes) -> tuple[bytes, float]:
    """Return a media range and its weight, 0 to 1; 1 without a valid weight.

    Other parameters are ignored.
    """
    plain = part.replace(b" ", b"").replace(b"\t", b"")
    media_range, *parameters = plain.split(b";")
    for parameter in parameters:
        if found := WEIGHT.fullmatch(parameter):
            return media_range, float(found[1])
    return media_range, 1.0


def weight_of(media_type: bytes, weights: Mapping[bytes, float]) -> float:
    """Return the weight of the most specific range that matches a type, or 0."""
    group = media_type.partition(b"/")[0] + b"/*"
    for media_range in (media_type, group, ANYTHING):
        if media_range in weights:
            return weights[media_range]
    return 0.0
