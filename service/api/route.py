"""The way of a POST request: body within its limits -> parsed -> admitted -> computed in its turn -> answer."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.accept import preferred_type
from service.api.admission import Admission
from service.api.errors import (
    BODY_TOO_LARGE,
    NOT_ACCEPTABLE,
    UNSUPPORTED_MEDIA_TYPE,
    ProblemError,
    inference_failed,
    problem_response,
)
from service.api.schemas import ExampleInputs
from service.model.errors import InferenceError
from service.observability.request_context import RequestContext, context_of, path_of

JSON = b"application/json"
ANYTHING = b"*/*"
JSON_RANGES = frozenset({ANYTHING, b"application/*", JSON})  # whole values of Accept

Headers = Sequence[tuple[bytes, bytes]]

VARY = ((b"vary", b"accept"),)


@dataclass(slots=True)
class Reply:
    """An answer of status 200: its body, and the headers beside its length."""

    content: bytes
    headers: Headers = ((b"content-type", JSON),)


@dataclass(slots=True)
class Task:
    """What a body asks for: how many images, and the work, which may raise RefusedError or InferenceError."""

    images: int
    work: Callable[[RequestContext], Reply]
    weight: int = 1  # of how many images the work is as much, where that is more


class PostRoute(APIRoute, ABC):
    """A POST route that reads its body itself, when there is room for it, and computes when its turn comes.

    FastAPI knows the schemas from the endpoint's signature, as ever, and describes them; the way between is this one.
    """

    answer_types: tuple[bytes, ...] = (
        JSON,
    )  # what its answers can be given as, JSON first

    def __init__(
        self,
        path: str,
        endpoint: Callable[..., object],
        max_body_bytes: int,
        admission: Admission,
        **description: Any,  # noqa: ANN401 - what FastAPI takes
    ) -> None:
        super().__init__(path, endpoint, methods=["POST"], **description)
        self._max_body_bytes = max_body_bytes
        self._admission = admission

    @abstractmethod
    def check_type(self, content_type: bytes, headers: Headers) -> bytes:
        """The type that a body is parsed as; plain ``application/json`` is not asked about.

        Raises RefusedError for a type that the route does not take.
        """

    @abstractmethod
    def parse(
        self,
        content: bytes,
        content_type: bytes,
        scope: Scope,
        answer_type: bytes = JSON,
    ) -> Task:
        """Tell what a body asks for; what takes long or much memory is left to the work. Raises RefusedError."""

    @abstractmethod
    def examples(self, ingredients: ExampleInputs) -> dict[str, object]:
        """Bodies that work, each under the few words that say what it shows; the documentation shows them."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Tell whether a request is for this path, and with this method."""
        if path_of(scope) != self.path:
            return Match.NONE, {}
        return Match.FULL if scope["method"] == "POST" else Match.PARTIAL, {
            "route": self
        }

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that matched; another method than POST is refused by FastAPI."""
        if scope["method"] != "POST":
            await super().handle(scope, receive, send)
            return
        try:
            reply = await self._answer(scope, receive)
        except ProblemError as error:
            await problem_response(scope, error)(scope, receive, send)
        except InferenceError as error:
            await problem_response(scope, inference_failed(error))(scope, receive, send)
        else:
            if reply is not None:
                await send_reply(
                    send, reply, VARY if len(self.answer_types) > 1 else ()
                )

    async def _answer(self, scope: Scope, receive: Receive) -> Reply | None:
        """The answer to a request; None if its client has gone. Raises RefusedError."""
        self._admission.check_images(1)
        content_type, answer_type = self._check_headers(scope["headers"])
        record = context_of(scope)
        try:
            content = await read_body(
                receive, record, self._max_body_bytes, self._admission
            )
            if content is None:
                return None
            started = perf_counter()
            task = self.parse(content, content_type, scope, answer_type)
            record.decode = perf_counter() - started
            return await self._compute(task, record, receive)
        finally:
            self._admission.give_bytes(record.bytes_in)

    async def _compute(
        self, task: Task, record: RequestContext, receive: Receive
    ) -> Reply | None:
        """The answer to a task, once it is its turn; None if the client has gone. Raises RefusedError."""
        self._admission.take_images(task.images)
        try:
            record.images = task.images
            parsed = perf_counter()

            def work() -> Reply:
                record.queue = perf_counter() - parsed
                return task.work(record)

            return await self._admission.compute(
                work, max(task.images, task.weight), receive
            )
        finally:
            self._admission.give_images(task.images)

    def _check_headers(self, headers: Headers) -> tuple[bytes, bytes]:
        """The type that the body is parsed as, and the answer's type.

        Raises RefusedError when the body is too long, of another type or packed, or its client takes no such answer.
        """
        content_type = encoding = b""
        accept = ANYTHING
        length = 0
        for name, value in headers:
            if name == b"content-type":
                content_type = value
            elif name == b"accept":
                accept = value if accept is ANYTHING else accept + b"," + value
            elif name == b"content-length":
                length = int(value)  # digits: the parser of HTTP has seen to it
            elif name == b"content-encoding":
                encoding = value
        if content_type != JSON:
            content_type = self.check_type(content_type, headers)
        if encoding:
            raise ProblemError(
                UNSUPPORTED_MEDIA_TYPE,
                f"Content-Encoding must be absent; is {text(encoding)}",
            )
        answer_type = (
            JSON if accept in JSON_RANGES else accepted_type(accept, self.answer_types)
        )
        if length > self._max_body_bytes:
            raise too_large(f"{length}", self._max_body_bytes)
        return content_type, answer_type


class Shortcut:
    """Hands a POST request for a PostRoute to the route, and all others to the application.

    The layers that FastAPI puts around its routes cost such a request 12 us, a fifteenth of it, and do nothing for it.
    """

    def __init__(self, app: ASGIApp, routes: Iterable[PostRoute]) -> None:
        self.app = app
        self._routes = {route.path: route for route in routes}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on."""
        route = self._routes.get(path_of(scope))
        if route is not None and scope["method"] == "POST":
            scope["route"] = route
            await route.handle(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def check_body_type(value: bytes, others: Sequence[bytes] = ()) -> bytes:
    """JSON, if that is a body's type, in UTF-8; or the type as it came, if it is one of the others.

    Raises RefusedError for any other.
    """
    media_type, *parameters = (part.strip().lower() for part in value.split(b";"))
    if media_type in others:
        return value
    if media_type != JSON:
        names = listed((JSON, *others))
        raise ProblemError(
            UNSUPPORTED_MEDIA_TYPE,
            f"Content-Type must be {names}; is {text(value) or 'missing'}",
        )
    charsets = [
        part.partition(b"=")[2].strip(b'"')
        for part in parameters
        if part.startswith(b"charset=")
    ]
    if any(charset not in {b"utf-8", b"utf8"} for charset in charsets):
        raise ProblemError(
            UNSUPPORTED_MEDIA_TYPE,
            f"JSON must be in UTF-8; Content-Type is {text(value)}",
        )
    return JSON


def accepted_type(accept: bytes, types: Sequence[bytes]) -> bytes:
    """The one of these types that a client would rather have. Raises RefusedError where it takes none."""
    preferred = preferred_type(accept, types)
    if preferred is None:
        raise ProblemError(
            NOT_ACCEPTABLE,
            f"Accept must allow {listed(types)}; is {text(accept)}",
            {"Vary": "Accept"},
        )
    return preferred


def listed(types: Sequence[bytes]) -> str:
    """The names of types, as a message has them."""
    return ("one of " if len(types) > 1 else "") + b", ".join(types).decode()


def text(value: bytes) -> str:
    """A header's value, as it may be shown."""
    return value[:100].decode("ascii", "replace")


def too_large(length: str, most: int) -> ProblemError:
    """The refusal of a body. What comes of it after that is dropped by the server, so that the answer is not lost."""
    return ProblemError(
        BODY_TOO_LARGE,
        f"the body has {length} bytes; the most is {most} (VAE_MAX_BODY_BYTES)",
    )


async def read_body(
    receive: Receive, record: RequestContext, most: int, admission: Admission
) -> bytes | None:
    """The body, counted while it comes in: what its header says of its length is not trusted.

    Gives None when the client has gone. Raises RefusedError once there is more than ``most`` bytes, or where bodies
    have too many together. ``record.bytes_in`` are to be given back to the admission when the body is done with.
    """
    pieces = bytearray()
    while (message := await receive())["type"] == "http.request":
        piece: bytes = message.get("body", b"")
        admission.take_bytes(len(piece))
        record.bytes_in += len(piece)
        if record.bytes_in > most:
            raise too_large(f"more than {most}", most)
        if not message.get("more_body", False):
            return (
                bytes(pieces) + piece if pieces else piece
            )  # nearly always: it came in one piece
        pieces += piece
    return None


async def send_reply(send: Send, reply: Reply, headers: Headers) -> None:
    """Send an answer of status 200, with headers beside its own."""
    headers = [
        *reply.headers,
        *headers,
        (b"content-length", b"%d" % len(reply.content)),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": reply.content})
