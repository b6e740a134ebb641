"""The way of a JSON request: body within its limit -> JSON -> schema -> endpoint -> answer."""

from collections.abc import Callable, Iterable, Sequence
from time import perf_counter
from typing import Any, get_type_hints

import jiter
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.admission import Admission
from service.api.problems import (
    BODY_TOO_LARGE,
    NOT_ACCEPTABLE,
    UNSUPPORTED_MEDIA_TYPE,
    RefusedError,
    inference_failed,
    invalid_request,
    not_read,
    refusal,
)
from service.api.record import Record, record_of
from service.api.schemas import Limits, Request
from service.model.autoencoder import Autoencoder, Floats, Pixels, Posterior
from service.model.card import ModelCard
from service.model.errors import InferenceError

JSON = b"application/json"
PART_MARKS = (b"[", b"{", b":", b",")
ACCEPTED = frozenset({b"*/*", b"application/*", JSON})

Headers = Sequence[tuple[bytes, bytes]]
Operation = Callable[[Any, Autoencoder], BaseModel]


class TimedAutoencoder:
    """An autoencoder for one request, that notes how long it computes."""

    def __init__(self, autoencoder: Autoencoder, record: Record) -> None:
        self._autoencoder = autoencoder
        self._record = record

    @property
    def card(self) -> ModelCard:
        """See ``Autoencoder``."""
        return self._autoencoder.card

    def encode(self, pixels: Pixels | Floats) -> Posterior:
        """See ``Autoencoder``."""
        started = perf_counter()
        posterior = self._autoencoder.encode(pixels)
        self._record.infer += perf_counter() - started
        return posterior

    def decode(self, latents: Floats) -> Floats:
        """See ``Autoencoder``."""
        started = perf_counter()
        pixels = self._autoencoder.decode(latents)
        self._record.infer += perf_counter() - started
        return pixels


class JsonRoute(APIRoute):
    """A POST route whose operation takes one schema, named ``body``, and gives another.

    FastAPI knows the schemas from the signature, as ever, and describes them. What this changes is the way between:
    the body is parsed straight into its schema, which is told the limits, when its turn comes; and the answer goes out
    as it is. Around the operation that leaves 14 us, where FastAPI's own way takes 54.
    """

    def __init__(
        self,
        path: str,
        operation: Operation,
        autoencoder: Autoencoder,
        limits: Limits,
        admission: Admission,
        **description: Any,  # noqa: ANN401 - what FastAPI takes
    ) -> None:
        super().__init__(path, operation, methods=["POST"], **description)
        self._admission = admission
        self._limits = limits
        self._answerer = Answerer(operation, autoencoder, limits)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Tell whether a request is for this path, and with this method."""
        if scope["path"].removeprefix(scope.get("root_path", "")) != self.path:
            return Match.NONE, {}
        return Match.FULL if scope["method"] == "POST" else Match.PARTIAL, {"route": self}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that matched; another method than POST is refused by FastAPI."""
        if scope["method"] != "POST":
            await super().handle(scope, receive, send)
            return
        try:
            answer = await self._answer(scope, receive)
        except RefusedError as error:
            await refusal(scope, error)(scope, receive, send)
        except InferenceError as error:
            await refusal(scope, inference_failed(error))(scope, receive, send)
        else:
            if answer is not None:
                await send_json(send, answer)

    async def _answer(self, scope: Scope, receive: Receive) -> bytes | None:
        """The answer to a request; None if its client has gone. Raises RefusedError."""
        self._admission.check_images(1)
        record = record_of(scope)
        length = check_headers(scope["headers"], self._limits.max_body_bytes)
        content = await read_body(receive, length, self._limits.max_body_bytes, self._admission)
        if content is None:
            return None
        record.bytes_in = len(content)
        return await self._compute(content, record, receive)

    async def _compute(self, content: bytes, record: Record, receive: Receive) -> bytes | None:
        """The answer to a body, once it is its turn; None if the client has gone. Raises RefusedError."""
        started = perf_counter()
        body = parse_json(content, self._limits.max_parts)
        images = self._answerer.schema.image_count(body, self._limits)
        self._admission.take_images(images)
        try:
            record.images = images
            parsed = perf_counter()
            record.decode = parsed - started

            def work() -> bytes:
                record.queue = perf_counter() - parsed
                return self._answerer(body, record)

            return await self._admission.compute(work, images, receive)
        finally:
            self._admission.give_images(images)


class Shortcut:
    """Hands a POST request for a JSON route to the route, and all others to the application.

    The layers that FastAPI puts around its routes cost such a request 12 us, a fifteenth of it, and do nothing for it.
    """

    def __init__(self, app: ASGIApp, routes: Iterable[JsonRoute]) -> None:
        self.app = app
        self._routes = {route.path: route for route in routes}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on."""
        route = self._routes.get(scope["path"].removeprefix(scope["root_path"]))
        if route is not None and scope["method"] == "POST":
            scope["route"] = route
            await route.handle(scope, receive, send)
        else:
            await self.app(scope, receive, send)


class Answerer:
    """From a request's JSON, parsed, to the answer's, through the operation."""

    def __init__(self, operation: Operation, autoencoder: Autoencoder, limits: Limits) -> None:
        self.schema: type[Request] = get_type_hints(operation)["body"]
        self._operation = operation
        self._autoencoder = autoencoder
        self._limits = limits

    def __call__(self, content: object, record: Record) -> bytes:
        """Answer, and note the times of decoding, inference and encoding. Raises RefusedError."""
        started = perf_counter()
        try:
            body = self.schema.model_validate(content, context=self._limits)
        except ValidationError as error:
            raise invalid_request(error) from error
        decoded = perf_counter()
        record.decode += decoded - started
        answer = self._operation(body, TimedAutoencoder(self._autoencoder, record)).model_dump_json().encode()
        record.encode = perf_counter() - decoded - record.infer
        return answer


def check_headers(headers: Headers, most: int) -> int | None:
    """The length that a JSON body is said to have, if that is said.

    Raises RefusedError when the body is too long, of another type or packed, or its client takes no JSON. A body that
    does not say it is JSON is refused because a web page of another origin can send such a one without asking.
    """
    content_type = encoding = b""
    accept = b"*/*"
    length = None
    for name, value in headers:
        if name == b"content-type":
            content_type = value
        elif name == b"accept":
            accept = value
        elif name == b"content-length":
            length = int(value)  # digits: the parser of HTTP has seen to it
        elif name == b"content-encoding":
            encoding = value
    if content_type != JSON:
        check_content_type(content_type)
    if encoding:
        raise RefusedError(UNSUPPORTED_MEDIA_TYPE, f"Content-Encoding must be absent; is {text(encoding)}")
    if accept not in ACCEPTED:
        check_accept(accept)
    if length is not None and length > most:
        raise too_large(f"{length}", most)
    return length


def check_content_type(value: bytes) -> None:
    """Refuse all but JSON in UTF-8. Raises RefusedError."""
    media_type, *parameters = (part.strip().lower() for part in value.split(b";"))
    if media_type != JSON:
        raise RefusedError(
            UNSUPPORTED_MEDIA_TYPE, f"Content-Type must be application/json; is {text(value) or 'missing'}"
        )
    charsets = [part.partition(b"=")[2].strip(b'"') for part in parameters if part.startswith(b"charset=")]
    if any(charset not in {b"utf-8", b"utf8"} for charset in charsets):
        raise RefusedError(UNSUPPORTED_MEDIA_TYPE, f"JSON must be in UTF-8; Content-Type is {text(value)}")


def check_accept(value: bytes) -> None:
    """Refuse a client that takes no JSON. Raises RefusedError."""
    for media_range in value.lower().split(b","):
        media_type, *parameters = (part.strip() for part in media_range.split(b";"))
        if media_type in ACCEPTED and not any(part.replace(b" ", b"") in {b"q=0", b"q=0.0"} for part in parameters):
            return
    raise RefusedError(NOT_ACCEPTABLE, f"Accept must allow application/json; is {text(value)}")


def text(value: bytes) -> str:
    """A header's value, as it may be shown."""
    return value[:100].decode("ascii", "replace")


def too_large(length: str, most: int) -> RefusedError:
    """The refusal of a body. What comes of it after that is dropped by the server, so that the answer is not lost."""
    return RefusedError(BODY_TOO_LARGE, f"the body has {length} bytes; the most is {most} (VAE_MAX_BODY_BYTES)")


async def read_body(receive: Receive, length: int | None, most: int, admission: Admission) -> bytes | None:
    """The body, counted while it comes in: what its header says of its length is not trusted.

    Gives None when the client has gone. Raises RefusedError once there is more than ``most`` bytes, or where too
    much is coming in at once.
    """
    message = await receive()
    content: bytes = message.get("body", b"")
    if message["type"] == "http.request" and not message.get("more_body", False) and len(content) <= most:
        return content  # nearly always: it came in one piece
    pieces = bytearray()
    try:
        while message["type"] == "http.request":
            piece = message.get("body", b"")
            admission.take_bytes(len(piece))
            pieces += piece
            if len(pieces) > most:
                raise too_large(f"{length or f'more than {most}'}", most)
            if not message.get("more_body", False):
                return bytes(pieces)
            message = await receive()
        return None
    finally:
        admission.give_bytes(len(pieces))


def parse_json(content: bytes, most: int) -> object:
    """The value that a JSON text means. Raises RefusedError.

    Refused are, beside what is not JSON in UTF-8: more than ``most`` parts, a name that an object has twice, NaN and
    Infinity, numbers of more than 4,300 digits, and nesting deeper than 200.
    """
    parts = sum(content.count(mark) for mark in PART_MARKS)
    if parts > most:  # 2 MiB of empty lists would take half a second
        raise not_read(f"the body has {parts} values and names; the most is {most}, by VAE_MAX_ITEMS")
    try:
        return jiter.from_json(content, allow_inf_nan=False, catch_duplicate_keys=True)
    except ValueError as error:
        raise not_read(f"not JSON: {error}".replace("recursion limit exceeded", "nested more than 200 deep")) from error


async def send_json(send: Send, content: bytes) -> None:
    """Send an answer of status 200."""
    headers = [(b"content-type", JSON), (b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})
