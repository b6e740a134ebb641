"""The types that an answer can be given as: JSON, one picture of all its images, a moving one of its frames."""

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from pydantic import BaseModel

from service.api.route import JSON, Reply
from service.api.schemas import AnimationRequest, PicturesRequest, Request
from service.imaging.animation import Frames, write_apng, write_gif, write_webp
from service.imaging.plain_png import write_plain_pngs
from service.imaging.writer import ImageGrid, contact_sheet, upscale

PNG = b"image/png"


class ImagesAnswer(Protocol):
    """An answer that has images."""

    @property
    def images(self) -> ImageGrid:
        """The images, not yet enlarged."""


def json_reply(answer: BaseModel, request: Request) -> Reply:
    """An answer as JSON, its pictures and latents written as the request says."""
    return Reply(answer.model_dump_json(exclude_none=True, context=request).encode())


def picture_reply(answer: ImagesAnswer, request: PicturesRequest) -> Reply:
    """The images of an answer as one PNG."""
    (content,) = write_plain_pngs(upscale(contact_sheet(answer.images), request.scale))
    return Reply(content, ((b"content-type", PNG),))


def animation_reply(
    media_type: bytes,
    write: Callable[[Frames, int, int], bytes],
    answer: ImagesAnswer,
    request: AnimationRequest,
) -> Reply:
    """The images of an answer as the frames of a moving picture."""
    frames = upscale(answer.images.images, request.scale)
    return Reply(
        write(frames, request.duration_ms, request.loop),
        ((b"content-type", media_type),),
    )


ANIMATIONS = {
    b"image/gif": write_gif,
    b"image/webp": write_webp,
    b"image/apng": write_apng,
}
# By type; each takes an answer and its request.
WRITERS: dict[bytes, Callable[[Any, Any], Reply]] = {
    JSON: json_reply,
    PNG: picture_reply,
    **{
        media_type: partial(animation_reply, media_type, write)
        for media_type, write in ANIMATIONS.items()
    },
}


def types_of(schema: type[Request]) -> tuple[bytes, ...]:
    """The types that answers to such requests can be given as, JSON first."""
    pictures = (PNG,) if issubclass(schema, PicturesRequest) else ()
    animations = tuple(ANIMATIONS) if issubclass(schema, AnimationRequest) else ()
    return JSON, *pictures, *animations
