"""The way of a JSON request: body within its limit -> schema -> endpoint -> answer."""

from collections.abc import Callable, Coroutine
from typing import Any, get_type_hints

from fastapi import Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from service.api.problems import InvalidRequestError
from service.api.schemas import Limits


def json_route(limits: Limits) -> type[APIRoute]:
    """A route class whose endpoints take one schema, named ``body``, and give another.

    FastAPI knows the schemas from the signature, as ever. What this changes is that the body is parsed straight into
    its schema, which is told the limits.
    """

    class JsonRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            answer = answerer(self.endpoint, limits)

            async def handle(request: Request) -> Response:
                require_json(request)
                content = await read_body(request, limits.max_body_bytes)
                return Response(answer(content), media_type="application/json")

            return handle

    return JsonRoute


def answerer(endpoint: Callable[[Any], BaseModel], limits: Limits) -> Callable[[bytes], str]:
    """A function from a request's JSON to the answer's, through the endpoint. It raises InvalidRequestError."""
    schema: type[BaseModel] = get_type_hints(endpoint)["body"]

    def answer(content: bytes) -> str:
        try:
            body = schema.model_validate_json(content, context=limits)
        except ValidationError as error:
            raise InvalidRequestError(error) from error
        return endpoint(body).model_dump_json()

    return answer


def require_json(request: Request) -> None:
    """Refuse a body that does not say it is JSON: a web page of another origin cannot send one that does."""
    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, f"Content-Type must be application/json; is {content_type or 'missing'}")


async def read_body(request: Request, most: int) -> bytes:
    """The body, counted while it comes in: what its header says of its length is not trusted."""
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > most:
            raise HTTPException(413, f"the body has more than {most} bytes (VAE_MAX_BODY_BYTES)")
    return bytes(content)
