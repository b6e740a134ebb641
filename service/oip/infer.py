"""Inference routes: JSON, or JSON followed by tensors as bytes."""

from functools import lru_cache
from math import prod
from typing import NamedTuple, cast

import numpy as np
from typing_extensions import override

from service.api.body import JSON, Body, check_body_type, header_text, parse_json
from service.api.errors import Problem, unreadable_body
from service.api.responses import Content
from service.api.route import Headers, OperationRoute
from service.api.state import AppState, ServedModel
from service.imaging.codec import DecodedImages
from service.model.autoencoder import Autoencoder, Floats
from service.oip.request_heads import MAX_HEADS, RequestHeads
from service.oip.schemas import InferRequest, InferResponse, OutputSize, OutputTensor
from service.oip.specs import MODEL_NAMES, ModelSpec, model_paths, model_spec
from service.oip.tensor_request import TensorRequest
from service.oip.tensors import FLOAT32
from service.operations.base import ExampleInputs

TAG = "Open Inference Protocol"
OCTETS = b"application/octet-stream"
LENGTH_HEADER = b"inference-header-content-length"
MAX_JSON_NUMBERS = 500_000  # in a response; they take 50 ms
OTHER_PARTS = 256  # JSON values and names beside an input's numbers


def infer_routes(state: AppState) -> list[OperationRoute]:
    """Return the inference routes; those with a version are not in the schema."""
    routes: list[OperationRoute] = []
    for name in MODEL_NAMES:
        plain, versioned = model_paths(name)
        routes.append(InferRoute(f"{plain}/infer", name, state, described=True))
        routes.append(InferRoute(f"{versioned}/infer", name, state, described=False))
    return routes


class InferRoute(OperationRoute):
    """A POST route that computes one model of the protocol."""

    def __init__(
        self,
        path: str,
        name: str,
        state: AppState,
        *,
        described: bool,
    ) -> None:
        binary = {OCTETS.decode(): {"schema": {"type": "string", "format": "binary"}}}
        super().__init__(
            path,
            infer,
            state,
            InferRequest,
            InferResponse,
            operation_id=f"{name}_infer",
            tags=[TAG],
            summary=f"Infer with the {name}",
            description=(
                "With `Inference-Header-Content-Length`, numbers are bytes behind the "
                "JSON (binary tensor data extension); if it is 0, the body is the "
                "input's bytes alone. `/versions/1/infer` is the same."
            ),
            include_in_schema=described,
            responses={200: {"content": binary}, 422: {"model": Problem}},
        )
        self._name = name
        self._heads = RequestHeads()
        self.media_types = (JSON, OCTETS)  # chosen by the request's body
        self.finish = write_tensors

    def spec(self, model: ServedModel) -> ModelSpec:
        """Return the spec of the route's model."""
        return model_spec(self._name, model.limits, model.prefix)

    @override
    def validation_context(self, model: ServedModel) -> object:
        return self.spec(model)

    @override
    def check_type(self, content_type: bytes, headers: Headers) -> bytes:
        """Return the media type that a body is parsed as.

        Raises ProblemError for all types except JSON and bytes. A body without a type,
        as tritonclient sends it, is accepted unless a page of another origin may have
        sent it: pages can do so without a preflight, but not without an Origin header.
        """
        from_page = any(name == b"origin" for name, _ in headers)
        if content_type != OCTETS and (content_type or from_page):
            check_body_type(content_type)
        return content_type

    @override
    def read(self, body: Body, model: ServedModel) -> TensorRequest:
        content = body.content
        length = json_length(body.headers, len(content))
        head = content[:length]
        binary = memoryview(content)[length:]
        spec = self.spec(model)
        request = self._heads.request(head, binary, spec)
        if request is None:
            validated = cast("InferRequest", super().read(body, model))
            request = TensorRequest.of(validated, spec)
            if head and binary:
                self._heads.add(head, request)
        return request

    @override
    def parse(self, body: Body, model: ServedModel) -> object:
        content = body.content
        length = json_length(body.headers, len(content))
        spec = self.spec(model)
        if content and not length:
            return raw_request(content, spec)
        head = content[:length]
        binary = memoryview(content)[length:]
        numbers = prod(spec.input.shape)
        max_members = spec.max_items * lists_of_item(spec) + OTHER_PARTS
        max_parts = spec.max_items * numbers + max_members
        fields = parse_json(head, max_parts, max_members)
        attach_bytes(fields, binary)
        return fields

    @override
    def examples(self, inputs: ExampleInputs) -> dict[str, object]:
        tensor = self.spec(self.state.model).input
        values = {"pixels": inputs.pixels, "latent": inputs.latents}
        item = {
            "name": tensor.name,
            "shape": [1, *tensor.shape],
            "datatype": "FP32",
            "data": values[tensor.name][0],
        }
        return {"One item": {"inputs": [item]}}


def lists_of_item(spec: ModelSpec) -> int:
    """Return the number of JSON lists of an item that is nested as its shape says."""
    shape = spec.input.shape
    return sum(prod(shape[:axes]) for axes in range(len(shape)))


class InferResult(NamedTuple):
    """Outputs of a model.

    request: names the outputs, and the form of each.
    outputs: (batch, ...), by name, in the requested order.
    """

    request: TensorRequest
    outputs: dict[str, Floats]


async def infer(
    request: TensorRequest, _: DecodedImages, model: Autoencoder
) -> InferResult:
    """Compute a model of the protocol."""
    check_numbers(request)
    spec = request.spec
    results = await spec.compute(model, request.tensor)
    names = [tensor.name for tensor in spec.outputs]
    computed = dict(zip(names, results, strict=True))
    outputs = {name: computed[name] for name in request.is_binary}
    return InferResult(request, outputs)


def check_numbers(request: TensorRequest) -> None:
    """Reject a response of too many numbers as JSON. Raises ProblemError.

    Python stops all threads while it writes them.
    """
    is_binary = request.is_binary
    if all(is_binary.values()):
        return
    numbers = 0
    for tensor in request.spec.outputs:
        if not is_binary.get(tensor.name, True):
            numbers += prod(tensor.shape)
    numbers *= request.image_count
    if numbers > MAX_JSON_NUMBERS:
        raise unreadable_body(
            f"the response would have {numbers} numbers as JSON; the limit is "
            f"{MAX_JSON_NUMBERS}: set binary_data_output, or send fewer items"
        )


def write_tensors(result: InferResult) -> Content:
    """Write a response as JSON, followed by its binary tensors."""
    request, outputs = result
    is_binary = request.is_binary
    model_name = request.spec.name
    if all(is_binary.values()) and not request.id:
        shapes = tuple((name, values.shape) for name, values in outputs.items())
        content = binary_head(model_name, shapes)
    else:
        tensors = []
        for name, values in outputs.items():
            tensor = output_tensor(name, values, binary=is_binary[name])
            tensors.append(tensor)
        content = response_json(model_name, tensors, request.id)
    parts: list[bytes | memoryview] = [content]
    for name, values in outputs.items():
        if is_binary[name]:
            parts.append(tensor_bytes(values))
    if len(parts) == 1:
        return Content(content, ((b"content-type", JSON),))
    headers = (
        (b"content-type", OCTETS),
        (LENGTH_HEADER, b"%d" % len(content)),
    )
    return Content(b"".join(parts), headers)


@lru_cache(maxsize=MAX_HEADS)
def binary_head(
    model_name: str, shapes: tuple[tuple[str, tuple[int, ...]], ...]
) -> bytes:
    """Return the JSON of a response whose outputs, of these shapes, are all binary.

    Clients that send one shape after the other get the same JSON each time.
    """
    tensors = [binary_tensor(name, shape) for name, shape in shapes]
    return response_json(model_name, tensors)


def response_json(
    model_name: str, outputs: list[OutputTensor], request_id: str = ""
) -> bytes:
    """Return the JSON of a response."""
    response = InferResponse(id=request_id, model_name=model_name, outputs=outputs)
    return response.model_dump_json().encode()


def output_tensor(name: str, values: Floats, *, binary: bool) -> OutputTensor:
    """Return an output with its numbers, unless they are binary."""
    if binary:
        return binary_tensor(name, values.shape)
    numbers = values.ravel().tolist()
    return OutputTensor(name=name, shape=list(values.shape), data=numbers)


def binary_tensor(name: str, shape: tuple[int, ...]) -> OutputTensor:
    """Return an output whose numbers follow the JSON."""
    size = OutputSize(binary_data_size=FLOAT32.itemsize * prod(shape))
    return OutputTensor(name=name, shape=list(shape), parameters=size)


def tensor_bytes(values: Floats) -> memoryview:
    """Return an output as little-endian bytes, not a copy if it can be avoided."""
    return np.ascontiguousarray(values, FLOAT32).data.cast("B")


def json_length(headers: Headers, total: int) -> int:
    """Return the number of bytes of a body's JSON, which is all without a header.

    Raises ProblemError for a header that is not a number from 0 to ``total``.
    """
    given = dict(headers).get(LENGTH_HEADER)
    if given is None:
        return total
    length = -1
    if given.isdigit() and len(given) <= len(str(total)):
        length = int(given)
    if not 0 <= length <= total:
        raise unreadable_body(
            f"Inference-Header-Content-Length must be 0 to {total}, the body's bytes; "
            f"is {header_text(given)}"
        )
    return length


def raw_request(content: bytes, spec: ModelSpec) -> dict[str, object]:
    """Return the request that consists of its one input's numbers as bytes.

    As Triton does, the outputs are binary too. Raises ProblemError for a part of an
    item.
    """
    item_bytes = FLOAT32.itemsize * prod(spec.input.shape)
    count, rest = divmod(len(content), item_bytes)
    if rest:
        raise unreadable_body(
            f"without JSON the body must be items of {item_bytes} bytes; has "
            f"{len(content)} bytes"
        )
    tensor = {
        "name": spec.input.name,
        "shape": [count, *spec.input.shape],
        "datatype": "FP32",
        "data": memoryview(content),
    }
    return {"parameters": {"binary_data_output": True}, "inputs": [tensor]}


def attach_bytes(fields: object, binary: memoryview) -> None:
    """Set the bytes after the JSON as the data of the input with binary_data_size.

    Raises ProblemError if their number is another.
    """
    claimed: float = 0
    match fields:
        case {"inputs": [_, _, *_]}:
            return  # rejected by the schema: there must be one
        case {
            "inputs": [
                {
                    "parameters": {"binary_data_size": int() | float() as claimed}
                } as tensor
            ]
        }:
            if tensor.get("data") is not None:
                raise unreadable_body(
                    "an input must have either data or binary_data_size"
                )
            tensor["data"] = binary
    if len(binary) != claimed:
        raise unreadable_body(
            f"{len(binary)} bytes follow the JSON; binary_data_size is {claimed}"
        )
