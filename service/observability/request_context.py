"""Data about one request, for its headers, the metrics and the log."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.types import Scope

SCOPE_KEY = "vae_service.context"  # of the ASGI scope


@dataclass(slots=True, eq=False)
class RequestContext:
    """Data about one request, filled in while it is handled; times in seconds.

    route: path that the request counts for; empty until a route has been found.
    model: name of the model that computes it, if any.
    has_arrived: whether the whole body has been received.
    held_bytes: bytes of the body that are in memory.
    cost: estimated processor time of its job, in milliseconds.
    status: 0 until the response has begun.
    problem: name of the problem type if the request is rejected.
    percentiles, brightness_percentiles: of the images that it inspected.
    """

    request_id: str
    started: float = 0.0
    route: str = ""
    model: str = ""
    images: int = 0
    cost: float = 0.0
    has_arrived: bool = False
    bytes_in: int = 0
    held_bytes: int = 0
    bytes_out: int = 0
    status: int = 0
    problem: str = ""
    queue: float = 0.0
    read: float = 0.0
    infer: float = 0.0
    write: float = 0.0
    percentiles: Sequence[float] = ()
    brightness_percentiles: Sequence[float] = ()


def context_of(scope: Scope) -> RequestContext:
    """Return the context of a request."""
    context: RequestContext = scope[SCOPE_KEY]
    return context


def path_of(scope: Scope) -> str:
    """Return the path of a request, without the prefix that a proxy adds."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))
