"""Request bodies: their bytes, their media type, and JSON."""

import asyncio
import json
from codecs import BOM_UTF8
from collections.abc import Collection, Sequence
from typing import NamedTuple

import jiter
from starlette.types import Message, Receive

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

JSON = b"application/json"
JSON_SEPARATORS = b"[{:,"  # a value or a name follows each
MAX_BODIES = 4  # bodies of the largest size that may be in memory at once


class Body(NamedTuple):
    """A body, and the parts of its request that decide how it is parsed.

    content_type: media type that the content is parsed as.
    headers, query: of the request.
    """

    content: bytes
    content_type: bytes = JSON
    headers: Sequence[tuple[bytes, bytes]] = ()
    query: bytes = b""


class BodyBudget:
    """Budget of bytes in memory for bodies, from their arrival until the response.

    bytes: number in use. Each request subtracts its ``held_bytes`` at its end.
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
        self,
        first: bytes,
        receive: Receive,
        context: RequestContext,
        limit: int,
    ) -> bytes | None:
        """Return a body whose first piece has arrived, or None if the client has gone.

        Raises ProblemError, also if the body is rejected to make room for others.
        """
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a server runs requests in tasks
        pieces = bytearray(first)
        self._unfinished[context] = task
        try:
            while (message := await receive())["type"] == "http.request":
                pieces += take_piece(message, context, limit, self)
                if context.has_arrived:
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
    receive: Receive,
    context: RequestContext,
    limit: int,
    budget: BodyBudget,
) -> bytes | None:
    """Return the body, or None if the client has gone.

    Bytes are counted as they arrive, whatever Content-Length says. Raises ProblemError
    for more than ``limit`` bytes, or if the budget is exceeded.
    """
    message = await receive()
    if message["type"] != "http.request":
        return None
    body = take_piece(message, context, limit, budget)
    if context.has_arrived:
        return body  # usually one piece
    return await budget.read_rest(body, receive, context, limit)


def take_piece(
    message: Message,
    context: RequestContext,
    limit: int,
    budget: BodyBudget,
) -> bytes:
    """Return the next piece of a body, and count it.

    Raises ProblemError if the body is too large.
    """
    piece: bytes = message.get("body", b"")
    context.has_arrived = not message.get("more_body", False)
    context.bytes_in += len(piece)
    budget.acquire(len(piece), context)
    if context.bytes_in > limit:
        raise too_large(f"more than {limit}", limit)
    return piece


def too_large(length: str, limit: int) -> ProblemError:
    """Return the problem of a body that is too large."""
    return ProblemError(
        BODY_TOO_LARGE,
        f"the body has {length} bytes; the limit is {limit} (VAE_MAX_BODY_BYTES)",
    )


def parse_json(content: bytes, max_parts: int, max_members: int) -> object:
    """Parse JSON in UTF-8, with or without a byte order mark.

    Raises ProblemError for anything else, and for more than ``max_parts`` values and
    names, or ``max_members`` names, arrays and objects, a name that an object has
    twice, NaN and Infinity, numbers of more than 4,300 digits, and nesting deeper than
    200. Both limits are checked before parsing: 70,000 names take 30 ms to parse, and
    200 ms to reject one by one; 100,000 objects make the garbage collector take 100 ms.
    """
    separators = len(content) - len(content.translate(None, JSON_SEPARATORS))
    if separators > max_parts:  # parsing 2 MiB of empty lists takes half a second
        raise unreadable_body(
            f"the body has {separators} values and names; the limit is {max_parts} "
            "(set by VAE_MAX_ITEMS)"
        )
    if separators > max_members:  # rarely: counting again takes 17 us for 64 digits
        check_members(content, max_members)
    content = content.removeprefix(BOM_UTF8)
    try:
        return jiter.from_json(content, allow_inf_nan=False, catch_duplicate_keys=True)
    except ValueError as error:
        raise unreadable_body(f"not JSON: {reason_of(error, content)}") from error


def check_members(content: bytes, max_members: int) -> None:
    """Reject more names, arrays and objects than the limit. Raises ProblemError."""
    members = content.count(b":") + content.count(b"[") + content.count(b"{")
    if members > max_members:
        raise unreadable_body(
            f"the body has {members} names, arrays and objects; the limit is "
            f"{max_members}"
        )


def reason_of(error: ValueError, content: bytes) -> str:
    """Return the reason why content is not JSON in UTF-8, in bounded length."""
    encoding = json.detect_encoding(content)
    if not encoding.startswith("utf-8"):
        return f"it is in {encoding.upper()}, and must be in UTF-8"
    return str(error)[:MAX_CHARACTERS].replace(
        "recursion limit exceeded", "nested more than 200 deep"
    )


def check_body_type(
    content_type: bytes, others: Sequence[bytes] = (), aliases: Collection[bytes] = ()
) -> bytes:
    """Return ``application/json`` for JSON in UTF-8, or another accepted type.

    Raises ProblemError for any other type. Its message names ``others``, but not
    ``aliases``.
    """
    media_type, *parameters = (
        part.strip().lower() for part in content_type.split(b";")
    )
    if media_type in others or media_type in aliases:
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
    """Return media types as text for a message."""
    names = b", ".join(types).decode()
    return f"one of {names}" if len(types) > 1 else names


def header_text(value: bytes) -> str:
    """Return a header's value as ASCII text of bounded length for a message."""
    return value[:MAX_CHARACTERS].decode("ascii", "replace")
