"""The way of a POST request: read, validate, admit, decode, operate, respond."""

import inspect
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import Any, Protocol, cast, get_type_hints

from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.body import (
    JSON,
    Body,
    check_body_type,
    parse_json,
    read_body,
    too_large,
)
from service.api.content_encoding import check_encoding, decompress
from service.api.errors import (
    OVERLOADED,
    Problem,
    invalid_image,
    invalid_request,
    problem_of,
    problem_response,
)
from service.api.responses import (
    ANIMATIONS,
    ANYTHING,
    GIF,
    JSON_RANGES,
    WRITERS,
    Content,
    accepted_type,
    media_types_of,
)
from service.api.state import AppState, ServedModel
from service.api.uploads import (
    IMAGE_ALIASES,
    UPLOAD_TYPES,
    options_of,
    read_query,
    read_upload,
)
from service.imaging.codec import DecodedImages
from service.imaging.errors import ImageError
from service.model.batching import Job, RequestAutoencoder, advance
from service.observability.request_context import SCOPE_KEY, RequestContext
from service.operations.base import (
    ExampleInputs,
    FitRequest,
    Location,
    Operation,
    Request,
)
from service.operations.cost import ImageCost

Headers = Sequence[tuple[bytes, bytes]]

BINARY = {"type": "string", "format": "binary"}
VARY = (b"vary", b"accept")
# Names, arrays and objects in JSON: a term is an object of two to four names, and a data
# URL has a colon.
MEMBERS_OF_ITEM = 6
OTHER_PARTS = 64  # JSON values and names of a body besides its items


class ReadRequest(Protocol):
    """A request that was read and validated: a ``Request``, or one that stands for it."""

    @property
    def image_count(self) -> int:
        """Number of images that the request has or asks for, at least 1."""

    def cost(self, image: ImageCost) -> float:
        """Return the processor time of the request, in milliseconds of one core."""

    def image_contents(self) -> Sequence[str | bytes]:
        """Return the images of the request, as base64 text or as a file's bytes."""

    def image_location(self, index: int) -> Location:
        """Return the location in the body of an image of ``image_contents``."""


class OperationRoute(APIRoute):
    """A POST route that runs an operation.

    FastAPI describes it in the OpenAPI schema from the operation's types. Requests are
    handled here instead of by FastAPI: this takes 14 us besides the operation itself,
    where FastAPI takes 54 us.

    request_type, response_type: types of the JSON, if the operation has others.
    media_types: media types of responses, JSON first.
    finish: writes the operation's result as JSON.
    """

    def __init__(
        self,
        path: str,
        operation: Operation,
        state: AppState,
        request_type: type[Request] | None = None,
        response_type: type | None = None,
        **description: Any,  # noqa: ANN401 - FastAPI's options
    ) -> None:
        types = get_type_hints(operation)
        self.request_type: type[Request] = request_type or types["request"]
        response_type = response_type or types["return"]
        self.operation = operation
        self.state = state
        self.media_types = media_types_of(self.request_type)
        self.options = options_of(self.request_type)
        to_json = TypeAdapter(response_type).dump_json
        self.finish: Callable[[Any], bytes | Content] = partial(
            to_json, exclude_none=True
        )
        pictures = {name.decode(): {"schema": BINARY} for name in self.media_types[1:]}
        description.setdefault(
            "responses", {200: {"content": pictures}, 422: {"model": Problem}}
        )
        docstring = inspect.cleandoc(str(operation.__doc__))
        summary, _, details = docstring.partition("\n\n")
        description.setdefault("summary", summary.removesuffix("."))
        description.setdefault("description", details)
        endpoint = endpoint_of(self.request_type, response_type)
        super().__init__(path, endpoint, methods=["POST"], **description)

    async def respond(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        model: ServedModel,
    ) -> None:
        """Respond to a POST request; send nothing if its client has gone."""
        context: RequestContext = scope[SCOPE_KEY]
        context.model = model.name
        content = problem = None
        try:
            content = await self._operate(scope, receive, context, model)
        except Exception as error:  # noqa: BLE001 - problem_of re-raises the unexpected
            # The traceback would keep the body in memory.
            problem = problem_of(error).with_traceback(None)
        finally:
            self.state.body_budget.bytes -= context.held_bytes
        if problem is not None:
            # While a body still arrives, the connection would hold a part of it.
            if problem.kind is OVERLOADED and context.has_arrived:
                await self.state.rejection_rate.wait(context.bytes_in)
            response = problem_response(scope, problem)
            await response(scope, receive, send)
            return
        if content is None:
            return
        headers = list(content.headers)
        headers.append((b"content-length", b"%d" % len(content.body)))
        if len(self.media_types) > 1:
            headers.append(VARY)
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content.body})

    async def _operate(
        self,
        scope: Scope,
        receive: Receive,
        context: RequestContext,
        model: ServedModel,
    ) -> Content | None:
        """Return the content of the response, or None if the client has gone."""
        scheduler = self.state.schedulers.by_name[model.name]
        if scheduler.is_full:
            scheduler.check()  # before the body is read
        max_bytes = model.limits.max_body_bytes
        content_type, media_type, encoding = self._check_headers(
            scope["headers"], max_bytes
        )
        budget = self.state.body_budget
        content = await read_body(receive, context, max_bytes, budget)
        if content is None:
            return None
        if encoding:
            content = decompress(content, encoding, max_bytes)
            budget.acquire(len(content), context)
        body = Body(content, content_type, scope["headers"], scope["query_string"])
        request, job = self.make_job(body, media_type, model, context)
        job.is_cancelled = partial(has_gone, receive)
        try:
            result = await scheduler.run(job, model.backend)
        except ImageError as error:
            raise invalid_image(request.image_location(error.index), error) from error
        if isinstance(result, bytes):
            return Content(result, ((b"content-type", media_type),))
        return cast("Content | None", result)

    def make_job(
        self,
        body: Body,
        media_type: bytes,
        model: ServedModel,
        context: RequestContext,
    ) -> tuple[ReadRequest, Job]:
        """Return the request of a body and its job. Raises ProblemError."""
        started = perf_counter()
        request = self.read(body, model)
        contents = request.image_contents()
        context.images = request.image_count
        image_cost = model.image_cost
        is_light: Callable[[], bool] = partial(model.codec.are_plain, contents)
        if media_type in ANIMATIONS:
            is_gif = media_type == GIF
            write = image_cost.gif if is_gif else image_cost.animate
            image_cost = replace(image_cost, write=write)
            is_light = bool  # false
        context.cost = request.cost(image_cost)
        prepare: Callable[[], DecodedImages] = DecodedImages.none
        if isinstance(request, FitRequest):
            prepare = partial(model.codec.decode, contents, request.fit)
        writer = WRITERS.get(media_type)
        job = Job(
            cost=context.cost,
            is_light=is_light,
            prepare=prepare,
            compute=partial(self.operation, request),
            finish=partial(writer, request) if writer else self.finish,
            timings=context,
            pixels=partial(model.codec.count_pixels, contents),
        )
        context.read = perf_counter() - started
        return request, job

    def read(self, body: Body, model: ServedModel) -> ReadRequest:
        """Parse and validate a body. Raises ProblemError."""
        fields = self.parse(body, model)
        try:
            return self.request_type.model_validate(
                fields, context=self.validation_context(model)
            )
        except ValidationError as error:
            raise invalid_request(error) from error

    def parse(self, body: Body, model: ServedModel) -> object:
        """Parse a body, and add the options of the query that the body does not have.

        Raises ProblemError.
        """
        limits = model.limits
        if body.content_type == JSON:
            # Each item may have a latent's numbers besides.
            max_members = limits.max_items * MEMBERS_OF_ITEM + OTHER_PARTS
            max_parts = limits.max_items * limits.latent_size + max_members
            fields = parse_json(body.content, max_parts, max_members)
        else:
            fields = read_upload(
                body.content, body.content_type, limits.max_items, self.options
            )
        takes_query = self.request_type.takes_files and isinstance(fields, dict)
        if body.query and takes_query:
            options = read_query(body.query, self.options)
            return options | cast("dict[str, object]", fields)
        return fields

    def validation_context(self, model: ServedModel) -> object:
        """Return the context that is passed to the request's validators."""
        return model.limits

    def check_type(self, content_type: bytes, _: Headers) -> bytes:
        """Return the media type that a body is parsed as.

        Raises ProblemError for all types except JSON in UTF-8 and, if the request may
        have images as files, those of images and forms. A body without a type is
        rejected: a page of another origin can send one without a preflight.
        """
        if self.request_type.takes_files:
            return check_body_type(content_type, UPLOAD_TYPES, IMAGE_ALIASES)
        return check_body_type(content_type)

    def _check_headers(
        self, headers: Headers, max_body: int
    ) -> tuple[bytes, bytes, bytes]:
        """Return the body's media type, the response's, and the body's encoding.

        Raises ProblemError.
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
                length = int(value)  # digits, by the HTTP parser
            elif name == b"content-encoding":
                encoding = encoding + b"," + value if encoding else value
        if content_type != JSON:
            content_type = self.check_type(content_type, headers)
        if encoding:
            encoding = check_encoding(encoding)
        media_type = JSON
        if accept not in JSON_RANGES:
            media_type = accepted_type(accept, self.media_types)
        if length > max_body:
            raise too_large(f"{length}", max_body)
        return content_type, media_type, encoding

    def examples(self, inputs: ExampleInputs) -> dict[str, object]:
        """Return example bodies by title."""
        return self.request_type.examples(inputs)

    def example_response(self, body: object, model: ServedModel) -> object:
        """Return the JSON response to an example. Raises ProblemError."""
        context = RequestContext("example")
        content = json.dumps(body).encode()
        _, job = self.make_job(Body(content), JSON, model, context)
        job.cost, job.is_light = 0, lambda: True
        steps = job.run(RequestAutoencoder(model.backend, context), job.cost)
        result = advance(steps)
        text = result.body if isinstance(result, Content) else result
        response: object = json.loads(text)
        return response


def endpoint_of(request_type: type, response_type: type) -> Callable[..., None]:
    """Return a function from whose signature FastAPI takes the schemas of a route."""

    def endpoint(body: Any) -> None:  # noqa: ANN401 - set below
        raise NotImplementedError(body)

    endpoint.__annotations__ = {"body": request_type, "return": response_type}
    return endpoint


class Dispatcher:
    """Passes POST requests for operations to their routes, all others to the app.

    The operations are computed by the default model.

    FastAPI's layers around its routes would have no effect on such a request, but take
    12 us, a fifteenth of its time.
    """

    def __init__(
        self,
        app: ASGIApp,
        state: AppState,
        routes: Iterable[OperationRoute],
    ) -> None:
        self.app = app
        self._state = state
        self._routes = {route.path: route for route in routes}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request."""
        path = scope["path"].removeprefix(scope["root_path"])
        route = self._routes.get(path)
        if route is not None and scope["method"] == "POST":
            scope[SCOPE_KEY].route = route.path
            await route.respond(scope, receive, send, self._state.model)
        else:
            await self.app(scope, receive, send)


def has_gone(receive: Receive) -> bool:
    """Return whether the client has closed its connection, without waiting.

    The body must have been read: from then on ``receive`` either returns
    http.disconnect at once or waits for it.
    """
    step = receive().__await__()
    try:
        next(step)
    except StopIteration as end:
        gone: bool = end.value["type"] == "http.disconnect"
        return gone
    step.close()
    return False
