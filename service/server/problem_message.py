"""Problem responses that the connection sends itself, without the application."""

from http import HTTPStatus

from service.api.errors import MEDIA_TYPE, ProblemType, problem
from service.server.middleware import NO_CACHING, NO_SNIFFING, POLICY

HEADERS = (
    NO_SNIFFING,
    NO_CACHING,
    POLICY,
    (b"content-type", MEDIA_TYPE.encode()),
    (b"connection", b"close"),
)
HEADER_LINES = b"".join(b"%s: %s\r\n" % header for header in HEADERS)


def problem_body(kind: ProblemType, detail: str, request_id: str) -> bytes:
    """Return a problem as JSON."""
    document = problem(kind, detail, request_id=request_id)
    return document.model_dump_json(exclude_defaults=True).encode()


def problem_message(kind: ProblemType, request_id: str, body: bytes) -> bytes:
    """Return a whole response that is a problem and ends its connection."""
    phrase = HTTPStatus(kind.status).phrase
    lines = (
        f"HTTP/1.1 {kind.status} {phrase}",
        f"content-length: {len(body)}",
        f"x-request-id: {request_id}",
    )
    head = "\r\n".join(lines).encode()
    return head + b"\r\n" + HEADER_LINES + b"\r\n" + body
