"""Problem responses (RFC 9457): one table from errors to HTTP."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from fastapi import FastAPI, Request
from pydantic import BaseModel, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from service.imaging.errors import ImageError
from service.model.errors import InferenceError, NoInspectorError, OverloadedError
from service.observability.request_context import context_of, path_of
from service.operations.base import Location
from service.operations.fields import ONE, SEVERAL

MEDIA_TYPE = "application/problem+json"
MAX_CHARACTERS = 100  # of a client's text in a message
MAX_ERRORS = 10  # in one response
INFERENCE_PROTOCOL = "/v2/"  # paths of the Open Inference Protocol
TYPE_PREFIX = "urn:vae-service:problem:"
RETRY_AFTER = {"Retry-After": "1"}  # seconds
# Messages in JSON's terms, instead of Pydantic's in Python's terms.
JSON_MESSAGES = {
    "model_type": "Input should be an object",
    "list_type": "Input should be a valid array",
}


@dataclass(frozen=True, slots=True)
class ProblemType:
    """A type of problem: the last part of its URI, its status and its title."""

    name: str
    status: int
    title: str


BAD_REQUEST = ProblemType("bad-request", 400, "Invalid HTTP request")
UNAUTHORIZED = ProblemType("unauthorized", 401, "Missing or unknown API key")
NOT_FOUND = ProblemType("not-found", 404, "No such path")
METHOD_NOT_ALLOWED = ProblemType("method-not-allowed", 405, "Method not allowed")
NOT_ACCEPTABLE = ProblemType("not-acceptable", 406, "No acceptable media type")
REQUEST_TIMEOUT = ProblemType("request-timeout", 408, "Request not received in time")
BODY_TOO_LARGE = ProblemType("body-too-large", 413, "Body too large")
UNSUPPORTED_MEDIA_TYPE = ProblemType(
    "unsupported-media-type", 415, "Unsupported media type"
)
RANGE_NOT_SATISFIABLE = ProblemType(
    "range-not-satisfiable", 416, "Range not satisfiable"
)
INVALID_REQUEST = ProblemType("invalid-request", 422, "Invalid request body")
MODEL_UNCHANGED = ProblemType(
    "model-unchanged", 422, "Model neither loaded nor unloaded"
)
HEADERS_TOO_LARGE = ProblemType("headers-too-large", 431, "Headers too large")
INTERNAL_ERROR = ProblemType("internal-error", 500, "Internal error")
INFERENCE_FAILED = ProblemType("inference-failed", 503, "Inference failed")
OVERLOADED = ProblemType("overloaded", 503, "Overloaded")
DRAINING = ProblemType("draining", 503, "Shutting down")
PROBLEM_TYPES = (
    BAD_REQUEST,
    UNAUTHORIZED,
    NOT_FOUND,
    METHOD_NOT_ALLOWED,
    NOT_ACCEPTABLE,
    REQUEST_TIMEOUT,
    BODY_TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    RANGE_NOT_SATISFIABLE,
    INVALID_REQUEST,
    MODEL_UNCHANGED,
    HEADERS_TOO_LARGE,
    INTERNAL_ERROR,
    INFERENCE_FAILED,
    OVERLOADED,
    DRAINING,
)
# The type of an error that FastAPI or Starlette raises with nothing but a status.
TYPE_BY_STATUS = {kind.status: kind for kind in reversed(PROBLEM_TYPES)}


class FieldError(BaseModel):
    """An error in one field."""

    pointer: str = Field(
        description="JSON pointer to the field (RFC 6901), with the item's index."
    )
    detail: str = Field(description="Description of the error.")


class Problem(BaseModel):
    """Reason for the rejection of a request (RFC 9457)."""

    type: str = Field(description="URI of the problem type; stable, to compare with.")
    title: str = Field(description="The problem type in words.")
    status: int = Field(description="HTTP status.")
    detail: str = Field(description="Description of this problem, for people.")
    errors: list[FieldError] = Field(default=[], description="The invalid fields.")
    request_id: str = Field(
        default="", description="The request's X-Request-ID, as in the log."
    )
    error: str = Field(
        default="",
        description="The detail again, for clients of the Open Inference Protocol.",
    )


class ProblemError(Exception):
    """A request is rejected; the message is the problem's detail."""

    def __init__(
        self,
        kind: ProblemType,
        detail: str,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[FieldError] = (),
    ) -> None:
        self.kind = kind
        self.headers = headers
        self.errors = errors
        super().__init__(detail)


def retry_after(error: OverloadedError) -> dict[str, str]:
    """Return the header that says when the work before a request will be done."""
    return {"Retry-After": str(max(1, math.ceil(error.seconds)))}


def problem_of(error: Exception) -> ProblemError:
    """Return the problem for a domain error; re-raise any other error."""
    match error:
        case ProblemError():
            return error
        case NoInspectorError():
            return ProblemError(NOT_FOUND, str(error))
        case InferenceError():
            return ProblemError(INFERENCE_FAILED, str(error))
        case OverloadedError():
            return ProblemError(OVERLOADED, str(error), retry_after(error))
        case HTTPException():
            kind = TYPE_BY_STATUS.get(error.status_code, BAD_REQUEST)
            return ProblemError(kind, error.detail, error.headers)
    raise error


def internal_error() -> ProblemError:
    """Return the problem of an unexpected error, whose cause is in the log only."""
    return ProblemError(INTERNAL_ERROR, "an internal error; the log has the details")


def unreadable_body(detail: str) -> ProblemError:
    """Return the problem of a body that cannot be parsed, or has too many parts."""
    errors = [FieldError(pointer="#", detail=detail)]
    return ProblemError(INVALID_REQUEST, detail, errors=errors)


def invalid_image(location: Location, error: ImageError) -> ProblemError:
    """Return the problem of an image that cannot be decoded."""
    detail = str(error)
    errors = [FieldError(pointer=json_pointer(location), detail=detail)]
    sentence = f"{field_name(location)}: {detail}"
    return ProblemError(INVALID_REQUEST, sentence, errors=errors)


def invalid_request(error: ValidationError) -> ProblemError:
    """Return the problem of a body that does not fit its schema.

    It names the first invalid fields.
    """
    errors = []
    sentences = []
    details = error.errors(
        include_url=False, include_context=False, include_input=False
    )
    for each in details[:MAX_ERRORS]:
        location = plain_location(each["loc"])
        detail = JSON_MESSAGES.get(each["type"], each["msg"])
        errors.append(FieldError(pointer=json_pointer(location), detail=detail))
        sentences.append(f"{field_name(location)}: {detail}")
    if len(details) > MAX_ERRORS:
        sentences.append(f"and {len(details) - MAX_ERRORS} more")
    return ProblemError(INVALID_REQUEST, "; ".join(sentences), errors=errors)


def plain_location(location: Location) -> Location:
    """Return a location without union tags, its names cut to a bounded length."""
    parts: list[int | str] = []
    for part in location:
        if isinstance(part, int):
            parts.append(part)
        elif part not in {ONE, SEVERAL}:
            parts.append(part[:MAX_CHARACTERS])
    return tuple(parts)


def json_pointer(location: Location) -> str:
    """Return a location as a URI fragment: #/start/latent/2 (RFC 6901)."""
    pointer = "#"
    for part in location:
        escaped = str(part).replace("~", "~0").replace("/", "~1")
        pointer += f"/{quote(escaped)}"
    return pointer


def field_name(location: Location) -> str:
    """Return a location as people write it: start.latent[2]."""
    name = ""
    for part in location:
        name += f"[{part}]" if isinstance(part, int) else f".{part}"
    return name.removeprefix(".") if name else "body"


def problem(
    kind: ProblemType,
    detail: str,
    errors: Sequence[FieldError] = (),
    request_id: str = "",
) -> Problem:
    """Build the body of a problem response."""
    return Problem(
        type=TYPE_PREFIX + kind.name,
        title=kind.title,
        status=kind.status,
        detail=detail,
        errors=list(errors),
        request_id=request_id,
    )


def problem_response(scope: Scope, error: ProblemError) -> Response:
    """Build a problem response, and note the problem for the metrics."""
    context = context_of(scope)
    context.problem = error.kind.name
    body = problem(error.kind, str(error), error.errors, context.request_id)
    if f"{path_of(scope)}/".startswith(INFERENCE_PROTOCOL):
        body.error = body.detail
    content = body.model_dump_json(exclude_defaults=True)
    return Response(content, error.kind.status, error.headers, MEDIA_TYPE)


def install_handlers(app: FastAPI) -> None:
    """Make an application respond to errors with problems."""

    async def respond(request: Request, error: Exception) -> Response:
        return problem_response(request.scope, problem_of(error))

    async def respond_to_any(request: Request, _: Exception) -> Response:
        return problem_response(request.scope, internal_error())

    for kind in (ProblemError, HTTPException, InferenceError, NoInspectorError):
        app.add_exception_handler(kind, respond)
    # Starlette raises the error again after the response, for the log.
    app.add_exception_handler(Exception, respond_to_any)


NO_JSON = "not JSON: EOF while parsing a value at line 1 column 0"
# By title, as the OpenAPI schema shows them.
EXAMPLES = {
    example.title: example
    for example in (
        problem(BAD_REQUEST, "Invalid HTTP request received."),
        problem(UNAUTHORIZED, "an API key is needed: Authorization: Bearer ..."),
        problem(NOT_FOUND, "no model of this name is loaded; GET /models lists them"),
        problem(NOT_ACCEPTABLE, "Accept must allow application/json; is text/html"),
        problem(
            REQUEST_TIMEOUT,
            "the request was not complete after 30 s (VAE_REQUEST_TIMEOUT_SECONDS)",
        ),
        problem(
            BODY_TOO_LARGE,
            "the body has 13000000 bytes; the limit is 12582912 (VAE_MAX_BODY_BYTES)",
        ),
        problem(
            UNSUPPORTED_MEDIA_TYPE,
            "Content-Type must be application/json; is text/plain",
        ),
        problem(INVALID_REQUEST, NO_JSON, [FieldError(pointer="#", detail=NO_JSON)]),
        problem(MODEL_UNCHANGED, "no model parts is found"),
        problem(
            HEADERS_TOO_LARGE,
            "line and headers, or trailers, have more than 16384 bytes "
            "(VAE_MAX_HEADER_BYTES)",
        ),
        problem(INFERENCE_FAILED, "ONNX Runtime: the graph could not be computed"),
        problem(
            OVERLOADED,
            "the work before this request takes 1.04 s; the limit is 1 s "
            "(VAE_MAX_QUEUE_SECONDS)",
        ),
        problem(DRAINING, "the service is shutting down: send requests elsewhere"),
    )
}
