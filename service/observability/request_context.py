"""What is known of one request, from its headers to its line in the log."""

import os
import re
import secrets
from dataclasses import dataclass
from itertools import count

from starlette.types import Scope

KEY = "vae_service.record"  # in the ASGI scope
SANE_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
START = secrets.token_hex(4)
NUMBERS = count(1)


@dataclass(slots=True)
class RequestContext:
    """Filled in on the request's way; times in seconds."""

    request_id: str
    images: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    status: int = 0  # 0 until the answer has begun
    problem: str = ""
    queue: float = 0.0
    decode: float = 0.0
    infer: float = 0.0
    encode: float = 0.0


def context_of(scope: Scope) -> RequestContext:
    """The record that goes with a request: made where it is first asked for, with the client's id if it has one."""
    record: RequestContext | None = scope.get(KEY)
    if record is None:
        given = next(
            (value for name, value in scope["headers"] if name == b"x-request-id"), None
        )
        record = scope[KEY] = RequestContext(request_id(given))
    return record


def path_of(scope: Scope) -> str:
    """The path that a request is for, without the prefix that a proxy took off."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def request_id(given: bytes | None) -> str:
    """The client's own X-Request-ID where it is sane, else one that no other request of any worker has."""
    if given is not None and SANE_ID.fullmatch(given):
        return given.decode("ascii")
    return f"{START}-{os.getpid():x}-{next(NUMBERS):x}"
