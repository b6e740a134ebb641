"""A JSON request: parsed, read into its schema, answered by an operation."""

from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Any, TypeVar, get_type_hints

import jiter
from pydantic import BaseModel, ValidationError
from starlette.types import Scope

from service.api.admission import LARGE, Admission
from service.api.body import UPLOADS, option_names, options_of, read_upload
from service.api.errors import MAX_CHARACTERS, invalid_request, not_read
from service.api.responses import ANIMATIONS, WRITERS, types_of
from service.api.route import JSON, Headers, PostRoute, Reply, Task, check_body_type
from service.api.schemas import ExampleInputs, Request
from service.model.autoencoder import Autoencoder, Floats, Pixels, Posterior
from service.model.batching import Rows, ask
from service.model.card import ModelCard
from service.model.statistics import LatentStatistics
from service.observability.request_context import RequestContext
from service.operations.fields import Limits, ValidationContext, enlargement

BINARY = {"type": "string", "format": "binary"}
PART_MARKS = b"[{:,"

T = TypeVar("T", bound=Rows)
Operation = Callable[[Any, Autoencoder], BaseModel]


class TimedAutoencoder:
    """An autoencoder for one request, computed together with others', that notes how long it computes and waits."""

    def __init__(self, autoencoder: Autoencoder, record: RequestContext) -> None:
        self._autoencoder = autoencoder
        self._record = record

    @property
    def card(self) -> ModelCard:
        """See ``Autoencoder``."""
        return self._autoencoder.card

    @property
    def statistics(self) -> LatentStatistics:
        """See ``Autoencoder``."""
        return self._autoencoder.statistics

    def encode(self, pixels: Pixels | Floats) -> Posterior:
        """See ``Autoencoder``."""
        return self._ask(self._autoencoder.encode, pixels)

    def decode(self, latents: Floats) -> Floats:
        """See ``Autoencoder``."""
        return self._ask(self._autoencoder.decode, latents)

    def _ask(self, function: Callable[[Any], T], rows: Pixels | Floats) -> T:
        started = perf_counter()
        answer, seconds = ask(function, rows)
        self._record.infer += seconds
        self._record.queue += perf_counter() - started - seconds
        return answer


class JsonRoute(PostRoute):
    """A POST route whose operation takes one schema, named ``body``, and gives another.

    The body is parsed straight into its schema, which is told the limits, when its turn comes; and the answer goes out
    as it is. Around the operation that leaves 14 us, where FastAPI's own way takes 54.
    """

    def __init__(
        self,
        path: str,
        operation: Operation,
        autoencoder: Autoencoder,
        limits: Limits,
        admission: Admission,
        **description: Any,  # noqa: ANN401 - what FastAPI takes
    ) -> None:
        self._limits = limits
        self._answerer = Answerer(operation, autoencoder)
        self._schema = self._answerer.schema
        self._options = option_names(self._schema)
        self.answer_types = types_of(self._schema)
        pictures = {
            200: {
                "content": {
                    name.decode(): {"schema": BINARY} for name in self.answer_types[1:]
                }
            }
        }
        description["responses"] = pictures | description.get("responses", {})
        super().__init__(
            path, operation, limits.max_body_bytes, admission, **description
        )

    def check_type(self, content_type: bytes, headers: Headers) -> bytes:
        """Refuse all but JSON in UTF-8, and pictures where they are taken. Raises RefusedError.

        A body that does not say what it is is refused because a web page of another origin can send such a one as JSON
        without asking.
        """
        del headers
        return check_body_type(
            content_type, UPLOADS if self._schema.takes_files else ()
        )

    def examples(self, ingredients: ExampleInputs) -> dict[str, object]:
        """See ``PostRoute``."""
        return self._schema.examples(ingredients)

    def parse(
        self,
        content: bytes,
        content_type: bytes,
        scope: Scope,
        answer_type: bytes = JSON,
    ) -> Task:
        """See ``PostRoute``. What a query says counts where the body says nothing."""
        if content_type == JSON:
            body = parse_json(content, self._limits.max_parts)
        else:
            body = read_upload(
                content, content_type, self._limits.max_items, len(self._options)
            )
        if (
            scope["query_string"]
            and self._schema.takes_files
            and isinstance(body, dict)
        ):
            body = {**options_of(scope["query_string"], self._options), **body}
        images = self._schema.image_count(body, self._limits)
        options = body if isinstance(body, dict) else {}
        context = ValidationContext(
            self._limits, options.get("fit"), 1 if self._schema.draws_one else images
        )
        work = partial(self._answerer, body, context, WRITERS[answer_type])
        if answer_type in ANIMATIONS or not self._schema.is_light(body, self._limits):
            return Task(images, work, LARGE)
        return Task(
            images,
            work,
            images * enlargement(options["scale"]) if "scale" in options else images,
        )


def request_schema(operation: Operation) -> type[Request]:
    """What an operation takes."""
    schema: type[Request] = get_type_hints(operation)["body"]
    return schema


class Answerer:
    """From a request's body, parsed, to the reply, through the operation."""

    def __init__(self, operation: Operation, autoencoder: Autoencoder) -> None:
        self.schema = request_schema(operation)
        self._operation = operation
        self._autoencoder = autoencoder

    def __call__(
        self,
        content: object,
        context: object,
        to_reply: Callable[[Any, Any], Reply],
        record: RequestContext,
    ) -> Reply:
        """Answer, and note the times of decoding, inference and encoding. Raises RefusedError.

        The schema is told the context; the reply is made of the operation's answer and the request.
        """
        started, queued = perf_counter(), record.queue
        try:
            body = self.schema.model_validate(content, context=context)
        except ValidationError as error:
            raise invalid_request(error) from error
        decoded = perf_counter()
        record.decode += decoded - started
        reply = to_reply(
            self._operation(body, TimedAutoencoder(self._autoencoder, record)), body
        )
        record.encode = (
            perf_counter() - decoded - record.infer - (record.queue - queued)
        )
        return reply


def parse_json(content: bytes, most: int) -> object:
    """The value that a JSON text means. Raises RefusedError.

    Refused are, beside what is not JSON in UTF-8: more than ``most`` parts, a name that an object has twice, NaN and
    Infinity, numbers of more than 4,300 digits, and nesting deeper than 200.
    """
    parts = len(content) - len(content.translate(None, PART_MARKS))
    if parts > most:  # 2 MiB of empty lists would take half a second
        raise not_read(
            f"the body has {parts} values and names; the most is {most}, by VAE_MAX_ITEMS"
        )
    try:
        return jiter.from_json(content, allow_inf_nan=False, catch_duplicate_keys=True)
    except ValueError as error:
        reason = str(error)[:MAX_CHARACTERS].replace(
            "recursion limit exceeded", "nested more than 200 deep"
        )
        raise not_read(f"not JSON: {reason}") from error
