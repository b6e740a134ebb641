"""Request bodies: JSON, an image, or a form with files, each read as one dict."""

import asyncio
import re
from collections.abc import Collection, Sequence
from typing import NamedTuple
from urllib.parse import parse_qsl

import jiter
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File, FormParser, parse_options_header
from starlette.types import Receive

from service.api.errors import (
    BODY_TOO_LARGE,
    MAX_CHARACTERS,
    OVERLOADED,
    RETRY_AFTER,
    UNSUPPORTED_MEDIA_TYPE,
    ProblemError,
    unreadable_body,
)
from service.observability.request_context import RequestContext
from service.operations.base import Request

JSON = b"application/json"
FORM = b"multipart/form-data"
IMAGE_TYPES = (b"image/png", b"image/jpeg", b"image/webp", b"image/bmp", b"image/gif")
UPLOAD_TYPES = (*IMAGE_TYPES, FORM)
IMAGES = "images"  # field of uploaded files; all other fields are options
JSON_SEPARATORS = b"[{:,"  # each begins a value or a name
BOOLEANS = {"true": True, "false": False}
WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")
MAX_BODIES = 16  # of the largest size that may be in memory at once, in part or whole


class Body(NamedTuple):
    """A body as it was sent.

    content_type: media type that it is parsed as.
    headers, query: of its request.
    """

    content: bytes
    content_type: bytes = JSON
    headers: Sequence[tuple[bytes, bytes]] = ()
    query: bytes = b""


class BodyBudget:
    """Bytes of bodies in memory: counted from their arrival until the response.

    bytes: their number. Each request subtracts its ``held_bytes`` at its end.
    """

    def __init__(self, max_body_bytes: int) -> None:
        self.bytes = 0
        self._max_bytes = MAX_BODIES * max_body_bytes
        self._unfinished: dict[RequestContext, asyncio.Task[None]] = {}

    def acquire(self, count: int, context: RequestContext) -> None:
        """Count more bytes of a request.

        If there are too many, the largest unfinished body is rejected: this one, by a
        ProblemError, or another, whose task is cancelled.
        """
        while self.bytes + count > self._max_bytes:
            largest = max(
                self._unfinished, key=lambda each: each.held_bytes, default=context
            )
            if largest.held_bytes <= context.held_bytes + count:
                raise self._overloaded(count)
            self._evict(largest)
        self.bytes += count
        context.held_bytes += count

    def _evict(self, context: RequestContext) -> None:
        self.bytes -= context.held_bytes
        context.held_bytes = 0
        self._unfinished.pop(context).cancel()

    def _overloaded(self, count: int) -> ProblemError:
        return ProblemError(
            OVERLOADED,
            f"bodies of {self.bytes} bytes are waiting; {count} more would exceed "
            f"{self._max_bytes} ({MAX_BODIES} times VAE_MAX_BODY_BYTES)",
            RETRY_AFTER,
        )

    async def read_rest(
        self, first: bytes, receive: Receive, context: RequestContext, limit: int
    ) -> bytes | None:
        """Return a body whose first piece has come, or None if the client has gone.

        Raises ProblemError, also if the body is evicted meanwhile.
        """
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a server runs requests in tasks
        pieces = bytearray(first)
        self._unfinished[context] = task
        try:
            while (message := await receive())["type"] == "http.request":
                piece = message.get("body", b"")
                count_bytes(piece, context, limit, self)
                pieces += piece
                if not message.get("more_body", False):
                    return bytes(pieces)
        except asyncio.CancelledError:
            if context in self._unfinished:
                raise
            task.uncancel()
            raise self._overloaded(len(pieces)) from None
        finally:
            self._unfinished.pop(context, None)
        return None


async def read_body(
    receive: Receive, context: RequestContext, limit: int, budget: BodyBudget
) -> bytes | None:
    """Return the body, or None if the client has gone.

    Bytes are counted as they arrive: the header's length is not trusted. Raises
    ProblemError for more than ``limit`` bytes, or if the budget is exceeded.
    """
    message = await receive()
    if message["type"] != "http.request":
        return None
    body: bytes = message.get("body", b"")
    count_bytes(body, context, limit, budget)
    if message.get("more_body", False):
        return await budget.read_rest(body, receive, context, limit)
    return body  # mostly it comes in one piece


def count_bytes(
    piece: bytes, context: RequestContext, limit: int, budget: BodyBudget
) -> None:
    """Count a piece of a body. Raises ProblemError if that is too much."""
    budget.acquire(len(piece), context)
    context.bytes_in += len(piece)
    if context.bytes_in > limit:
        raise too_large(f"more than {limit}", limit)


def too_large(length: str, limit: int) -> ProblemError:
    """Return the problem of a body that is too large."""
    return ProblemError(
        BODY_TOO_LARGE,
        f"the body has {length} bytes; the limit is {limit} (VAE_MAX_BODY_BYTES)",
    )


def parse_json(content: bytes, max_parts: int, max_members: int) -> object:
    """Parse JSON in UTF-8.

    Raises ProblemError for anything else, and for more than ``max_parts`` values and
    names, or ``max_members`` names, arrays and objects, a name that an object has
    twice, NaN and Infinity, numbers of more than 4,300 digits, and nesting deeper than
    200. Both limits are checked before parsing: 70,000 names take 30 ms to parse, and
    200 ms to reject one by one; 100,000 objects make the garbage collector take 100 ms.
    """
    separators = len(content) - len(content.translate(None, JSON_SEPARATORS))
    if separators > max_parts:  # 2 MiB of empty lists would take half a second
        raise unreadable_body(
            f"the body has {separators} values and names; the limit is {max_parts}, "
            "by VAE_MAX_ITEMS"
        )
    members = content.count(b":") + content.count(b"[") + content.count(b"{")
    if members > max_members:
        raise unreadable_body(
            f"the body has {members} names, arrays and objects; the limit is "
            f"{max_members}"
        )
    try:
        return jiter.from_json(content, allow_inf_nan=False, catch_duplicate_keys=True)
    except ValueError as error:
        reason = str(error)[:MAX_CHARACTERS].replace(
            "recursion limit exceeded", "nested more than 200 deep"
        )
        raise unreadable_body(f"not JSON: {reason}") from error


def check_body_type(content_type: bytes, others: Sequence[bytes] = ()) -> bytes:
    """Return ``application/json`` for JSON in UTF-8, or the type if it is another.

    Raises ProblemError for a type that is neither.
    """
    media_type, *parameters = (
        part.strip().lower() for part in content_type.split(b";")
    )
    if media_type in others:
        return content_type
    if media_type != JSON:
        names = listed((JSON,) + tuple(others))
        given = header_text(content_type) if content_type else "missing"
        raise ProblemError(
            UNSUPPORTED_MEDIA_TYPE, f"Content-Type must be {names}; is {given}"
        )
    for parameter in parameters:
        name, _, value = parameter.partition(b"=")
        if name == b"charset" and value.strip(b'"') not in {b"utf-8", b"utf8"}:
            raise ProblemError(
                UNSUPPORTED_MEDIA_TYPE,
                f"JSON must be in UTF-8; Content-Type is {header_text(content_type)}",
            )
    return JSON


def listed(types: Sequence[bytes]) -> str:
    """Return the names of media types as a message has them."""
    names = b", ".join(types).decode()
    return f"one of {names}" if len(types) > 1 else names


def header_text(value: bytes) -> str:
    """Return a header's value as a message may show it."""
    return value[:MAX_CHARACTERS].decode("ascii", "replace")


def option_names(schema: type[Request]) -> list[str]:
    """Return the fields that a query or a form may have besides files."""
    return [name for name in schema.model_fields if name != IMAGES]


def read_upload(
    content: bytes, content_type: bytes, max_items: int, max_options: int
) -> dict[str, object]:
    """Read an image or a form as a request's fields. Raises ProblemError.

    An image's format is that of its first bytes, whatever its type says.
    """
    media_type, parameters = parse_options_header(content_type)
    if media_type != FORM:
        return {IMAGES: [content]}
    boundary = parameters.get(b"boundary")
    if not boundary:
        raise unreadable_body("a form whose Content-Type has no boundary")
    return read_form(content, boundary, max_items, max_options)


def read_form(
    content: bytes, boundary: bytes, max_items: int, max_options: int
) -> dict[str, object]:
    """Read a form's files, whatever their names, and its options (RFC 7578).

    Raises ProblemError.
    """
    images: list[bytes] = []
    options: dict[str, object] = {}
    ended: list[bool] = []

    def add_file(file: File) -> None:
        if len(images) > max_items:
            raise FormParserError(f"it has more than {max_items} files (VAE_MAX_ITEMS)")
        file.file_object.seek(0)  # in memory, by the size below
        images.append(file.file_object.read())

    def add_option(field: Field) -> None:
        name = field_text(field.field_name)
        if name in options:
            raise FormParserError(f"it has {name[:MAX_CHARACTERS]} twice")
        if len(options) > max_options:
            raise FormParserError("it has more fields than there are")
        options[name] = option(field_text(field.value))

    in_memory = {"MAX_MEMORY_FILE_SIZE": len(content)}
    try:
        parser = FormParser(
            FORM.decode(),
            add_option,
            add_file,
            lambda: ended.append(True),
            boundary,
            config=in_memory,
        )
        parser.write(content)
    except FormParserError as error:
        raise unreadable_body(f"not a form: {error}") from error
    if not ended:
        raise unreadable_body("not a form: it has no end")
    return {IMAGES: images} | options


def field_text(value: bytes | None) -> str:
    """Return a form field's name or value."""
    return value.decode("utf-8", "replace") if value else ""


def read_query(query: bytes, names: Collection[str]) -> dict[str, object]:
    """Return the options of these names in a query; others are ignored.

    Raises ProblemError for an option that is given twice.
    """
    options: dict[str, object] = {}
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name in options:
            raise unreadable_body(f"the query has {name} twice")
        if name in names:
            options[name] = option(value)
    return options


def option(value: str) -> object:
    """Return an option's value: a boolean, an integer, or text."""
    if WHOLE_NUMBER.fullmatch(value):
        return int(value)
    return BOOLEANS.get(value, value)
