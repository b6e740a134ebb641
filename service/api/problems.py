"""Every refusal as application/problem+json (RFC 9457): one table from errors to answers."""

from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import quote

from fastapi import FastAPI, Request
from pydantic import BaseModel, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from service.api.schemas import PARENT_TAGS
from service.model.errors import InferenceError

MEDIA_TYPE = "application/problem+json"
MOST_ERRORS = 10  # a body of unknown fields is not answered with all of them
TYPE_PREFIX = "urn:vae-service:problem:"
# For each status the last part of its type, and its title.
TYPES = {
    404: ("not-found", "Nothing is at this path"),
    405: ("method-not-allowed", "The path does not take this method"),
    413: ("body-too-large", "The body is larger than the service takes"),
    415: ("unsupported-media-type", "The body is not of a type that the path takes"),
    422: ("invalid-request", "The body is not a valid request"),
    500: ("internal-error", "The service failed"),
    503: ("inference-failed", "The model does not compute"),
}


class FieldError(BaseModel):
    """What is wrong with one field."""

    pointer: str = Field(description="JSON pointer to the field (RFC 6901), with the item's index.")
    detail: str = Field(description="What is wrong with it.")


class Problem(BaseModel):
    """Why a request was refused (RFC 9457)."""

    type: str = Field(description="What kind of problem; stable, to be compared.")
    title: str = Field(description="The kind in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What is wrong with this request, for people.")
    errors: list[FieldError] = Field(default=[], description="The fields that are wrong.")


class InvalidRequestError(Exception):
    """The body does not fit its schema."""

    def __init__(self, error: ValidationError) -> None:
        self.errors = []
        sentences = []
        for details in error.errors(include_url=False, include_context=False, include_input=False)[:MOST_ERRORS]:
            location = [part for part in details["loc"] if part not in PARENT_TAGS.values()]
            self.errors.append(FieldError(pointer=json_pointer(location), detail=details["msg"]))
            sentences.append(f"{field_name(location)}: {details['msg']}")
        if error.error_count() > MOST_ERRORS:
            sentences.append(f"and {error.error_count() - MOST_ERRORS} more")
        super().__init__("; ".join(sentences))


def json_pointer(location: list[int | str]) -> str:
    """A place in the body as a URI fragment: #/start/latent/2 (RFC 6901)."""
    return "#" + "".join(f"/{quote(str(part).replace('~', '~0').replace('/', '~1'))}" for part in location)


def field_name(location: list[int | str]) -> str:
    """A place in the body as a reader writes it: start.latent[2]."""
    name = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return name.removeprefix(".") or "body"


def problem(status: int, detail: str, errors: list[FieldError] | None = None) -> Problem:
    """The body of a refusal."""
    name, title = TYPES.get(status, ("http-error", HTTPStatus(status).phrase))
    return Problem(type=TYPE_PREFIX + name, title=title, status=status, detail=detail, errors=errors or [])


# The refusals of an operation, each as OpenAPI shows it.
EXAMPLES = {
    example.status: example
    for example in (
        problem(413, "the body has more than 2097152 bytes (VAE_MAX_BODY_BYTES)"),
        problem(415, "Content-Type must be application/json; is text/plain"),
        problem(422, "images[3]: not a PNG", [FieldError(pointer="#/images/3", detail="not a PNG")]),
        problem(503, "ONNX Runtime: the session failed"),
    )
}


def respond(body: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """A refusal as an answer."""
    return Response(body.model_dump_json(exclude_defaults=True), body.status, headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Answer each kind of error as this table says."""

    @app.exception_handler(InvalidRequestError)
    async def invalid_request(_: Request, error: InvalidRequestError) -> Response:
        return respond(problem(422, str(error), error.errors))

    @app.exception_handler(HTTPException)
    async def http_error(_: Request, error: HTTPException) -> Response:
        return respond(problem(error.status_code, error.detail), error.headers)

    @app.exception_handler(InferenceError)
    async def inference_failed(_: Request, error: InferenceError) -> Response:
        return respond(problem(503, str(error)))

    @app.exception_handler(Exception)
    async def internal_error(_: Request, __: Exception) -> Response:
        return respond(problem(500, "an error of the service; its log has more"))
