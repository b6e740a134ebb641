"""Every refusal as application/problem+json (RFC 9457): one table from errors to answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from fastapi import FastAPI, Request
from pydantic import BaseModel, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from service.model.errors import InferenceError
from service.observability.request_context import context_of, path_of
from service.operations.fields import UNION_TAGS

MEDIA_TYPE = "application/problem+json"
MAX_CHARACTERS = 100  # of a name that a client has made up
MAX_ERRORS = 10  # a body of many wrong fields is not answered with all of them
INFERENCE_PROTOCOL = "/v2/"  # the paths of the Open Inference Protocol
TYPE_PREFIX = "urn:vae-service:problem:"
# Pydantic's messages that speak of Python, in JSON's words.
JSON_WORDS = {
    "model_type": "Input should be an object",
    "list_type": "Input should be a valid array",
}


@dataclass(frozen=True, slots=True)
class ProblemType:
    """A kind of problem: the last part of its type, its status and what it is in words."""

    name: str
    status: int
    title: str


BAD_REQUEST = ProblemType(
    "bad-request", 400, "The request is not valid HTTP, or not for this host"
)
UNAUTHORIZED = ProblemType(
    "unauthorized", 401, "The request has no API key, or a wrong one"
)
NOT_FOUND = ProblemType("not-found", 404, "Nothing is at this path")
METHOD_NOT_ALLOWED = ProblemType(
    "method-not-allowed", 405, "The path does not take this method"
)
NOT_ACCEPTABLE = ProblemType(
    "not-acceptable", 406, "The client takes no type of answer that the path gives"
)
REQUEST_TIMEOUT = ProblemType(
    "request-timeout", 408, "The request took too long to come in"
)
BODY_TOO_LARGE = ProblemType(
    "body-too-large", 413, "The body is larger than the service takes"
)
UNSUPPORTED_MEDIA_TYPE = ProblemType(
    "unsupported-media-type", 415, "The body is not of a type that the path takes"
)
INVALID_REQUEST = ProblemType("invalid-request", 422, "The body is not a valid request")
HEADERS_TOO_LARGE = ProblemType(
    "headers-too-large", 431, "The headers are larger than the service takes"
)
INTERNAL_ERROR = ProblemType("internal-error", 500, "The service failed")
INFERENCE_FAILED = ProblemType("inference-failed", 503, "The model does not compute")
OVERLOADED = ProblemType(
    "overloaded", 503, "The service has more to do than it takes in"
)
DRAINING = ProblemType("draining", 503, "The service is about to stop")
PROBLEM_TYPES = (
    BAD_REQUEST,
    UNAUTHORIZED,
    NOT_FOUND,
    METHOD_NOT_ALLOWED,
    NOT_ACCEPTABLE,
    REQUEST_TIMEOUT,
    BODY_TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    INVALID_REQUEST,
    HEADERS_TOO_LARGE,
    INTERNAL_ERROR,
    INFERENCE_FAILED,
    OVERLOADED,
    DRAINING,
)
# The kind of what FastAPI and Starlette raise with nothing but a status.
BY_STATUS = {kind.status: kind for kind in reversed(PROBLEM_TYPES)}


class FieldError(BaseModel):
    """What is wrong with one field."""

    pointer: str = Field(
        description="JSON pointer to the field (RFC 6901), with the item's index."
    )
    detail: str = Field(description="What is wrong with it.")


class Problem(BaseModel):
    """Why a request was refused (RFC 9457)."""

    type: str = Field(description="What kind of problem; stable, to be compared.")
    title: str = Field(description="The kind in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What is wrong with this request, for people.")
    errors: list[FieldError] = Field(
        default=[], description="The fields that are wrong."
    )
    request_id: str = Field(
        default="", description="The request's X-Request-ID, as the log has it."
    )
    error: str = Field(
        default="",
        description="The detail, where clients of the Open Inference Protocol look for it.",
    )


class ProblemError(Exception):
    """A request is refused: as what, with which headers, and for which fields of its body."""

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


def inference_failed(error: InferenceError) -> ProblemError:
    """The refusal of a request that the model failed at."""
    return ProblemError(INFERENCE_FAILED, str(error))


def failed() -> ProblemError:
    """The answer to a request that the service failed at; what went wrong is not the client's business."""
    return ProblemError(INTERNAL_ERROR, "an error of the service; its log has more")


def not_read(detail: str) -> ProblemError:
    """The refusal of a body that is not JSON, or is not read for its size."""
    return ProblemError(
        INVALID_REQUEST, detail, errors=[FieldError(pointer="#", detail=detail)]
    )


def invalid_request(error: ValidationError) -> ProblemError:
    """The refusal of a body that does not fit its schema: its first wrong fields, named."""
    errors = []
    sentences = []
    for details in error.errors(
        include_url=False, include_context=False, include_input=False
    )[:MAX_ERRORS]:
        parts = (part for part in details["loc"] if part not in UNION_TAGS.values())
        location = [
            part if isinstance(part, int) else part[:MAX_CHARACTERS] for part in parts
        ]
        detail = JSON_WORDS.get(details["type"], details["msg"])
        errors.append(FieldError(pointer=json_pointer(location), detail=detail))
        sentences.append(f"{field_name(location)}: {detail}")
    if error.error_count() > MAX_ERRORS:
        sentences.append(f"and {error.error_count() - MAX_ERRORS} more")
    return ProblemError(INVALID_REQUEST, "; ".join(sentences), errors=errors)


def json_pointer(location: list[int | str]) -> str:
    """A place in the body as a URI fragment: #/start/latent/2 (RFC 6901)."""
    return "#" + "".join(
        f"/{quote(str(part).replace('~', '~0').replace('/', '~1'))}"
        for part in location
    )


def field_name(location: list[int | str]) -> str:
    """A place in the body as a reader writes it: start.latent[2]."""
    name = "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in location
    )
    return name.removeprefix(".") or "body"


def problem(
    kind: ProblemType,
    detail: str,
    errors: Sequence[FieldError] = (),
    request_id: str = "",
) -> Problem:
    """The body of a refusal."""
    return Problem(
        type=TYPE_PREFIX + kind.name,
        title=kind.title,
        status=kind.status,
        detail=detail,
        errors=list(errors),
        request_id=request_id,
    )


NO_JSON = "not JSON: EOF while parsing a value at line 1 column 0"
# By title, as OpenAPI shows them.
EXAMPLES = {
    example.title: example
    for example in (
        problem(BAD_REQUEST, "Invalid HTTP request received."),
        problem(
            UNAUTHORIZED,
            "an API key is needed: Authorization: Bearer ..., or X-API-Key",
        ),
        problem(NOT_ACCEPTABLE, "Accept must allow application/json; is text/html"),
        problem(
            REQUEST_TIMEOUT,
            "the request was not complete after 30 s (VAE_REQUEST_TIMEOUT_SECONDS)",
        ),
        problem(
            BODY_TOO_LARGE,
            "the body has 3000000 bytes; the most is 2097152 (VAE_MAX_BODY_BYTES)",
        ),
        problem(
            UNSUPPORTED_MEDIA_TYPE,
            "Content-Type must be application/json; is text/plain",
        ),
        problem(INVALID_REQUEST, NO_JSON, [FieldError(pointer="#", detail=NO_JSON)]),
        problem(
            HEADERS_TOO_LARGE,
            "line and headers, or trailers, have more than 16384 bytes (VAE_MAX_HEADER_BYTES)",
        ),
        problem(INFERENCE_FAILED, "ONNX Runtime: the graph could not be computed"),
        problem(
            OVERLOADED,
            "2040 images are waiting; 16 more would be over 2048 (VAE_MAX_PENDING_IMAGES)",
        ),
        problem(DRAINING, "the service is about to stop: send new requests elsewhere"),
    )
}


def problem_response(scope: Scope, error: ProblemError) -> Response:
    """A refusal as an answer, noted for the metrics."""
    record = context_of(scope)
    record.problem = error.kind.name
    body = problem(error.kind, str(error), error.errors, record.request_id)
    if f"{path_of(scope)}/".startswith(INFERENCE_PROTOCOL):
        body.error = body.detail
    return Response(
        body.model_dump_json(exclude_defaults=True),
        error.kind.status,
        error.headers,
        MEDIA_TYPE,
    )


def install(app: FastAPI) -> None:
    """Answer each kind of error as this table says."""

    @app.exception_handler(ProblemError)
    async def refused(request: Request, error: ProblemError) -> Response:
        return problem_response(request.scope, error)

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        kind = BY_STATUS.get(error.status_code, BAD_REQUEST)
        return problem_response(
            request.scope, ProblemError(kind, error.detail, error.headers)
        )

    @app.exception_handler(InferenceError)
    async def not_computed(request: Request, error: InferenceError) -> Response:
        return problem_response(request.scope, inference_failed(error))
