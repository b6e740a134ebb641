"""Inference routes: JSON, or JSON followed by tensors as bytes."""

from math import prod

import numpy as np
from typing_extensions import override

from service.api.body import JSON, Body, check_body_type, header_text, parse_json
from service.api.errors import Problem, unreadable_body
from service.api.responses import Content
from service.api.route import Headers, OperationRoute
from service.api.state import AppState, ServedModel
from service.imaging.codec import DecodedImage
from service.model.autoencoder import Autoencoder, Floats
from service.oip.schemas import InferRequest, InferResponse, OutputSize, OutputTensor
from service.oip.specs import MODEL_NAMES, ModelSpec, model_paths, model_spec
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
        self, path: str, name: str, state: AppState, *, described: bool
    ) -> None:
        binary = {OCTETS.decode(): {"schema": {"type": "string", "format": "binary"}}}
        super().__init__(
            path,
            infer,
            state,
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
    def parse(self, body: Body, model: ServedModel) -> object:
        content = body.content
        length = json_length(body.headers, len(content))
        spec = self.spec(model)
        if content and not length:
            return raw_request(content, spec)
        max_members = spec.max_items * lists_of_item(spec) + OTHER_PARTS
        max_parts = spec.max_items * prod(spec.input.shape) + max_members
        fields = parse_json(content[:length], max_parts, max_members)
        attach_bytes(fields, memoryview(content)[length:])
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


async def infer(
    request: InferRequest, _: list[DecodedImage], model: Autoencoder
) -> InferResponse:
    """Compute a model of the protocol."""
    spec = request.spec
    is_binary = request.binary_outputs()
    check_numbers(request, spec, is_binary)
    results = await spec.compute(model, request.inputs[0].data)
    names = [tensor.name for tensor in spec.outputs]
    computed = dict(zip(names, results, strict=True))
    outputs = [
        output_tensor(output, computed[output], binary=binary)
        for output, binary in is_binary.items()
    ]
    return InferResponse(id=request.id, model_name=spec.name, outputs=outputs)


def check_numbers(
    request: InferRequest, spec: ModelSpec, is_binary: dict[str, bool]
) -> None:
    """Reject a response of too many numbers as JSON. Raises ProblemError.

    Python stops all threads while it writes them.
    """
    sizes = {tensor.name: prod(tensor.shape) for tensor in spec.outputs}
    numbers = sum(sizes[name] for name, binary in is_binary.items() if not binary)
    numbers *= request.image_count
    if numbers > MAX_JSON_NUMBERS:
        raise unreadable_body(
            f"the response would have {numbers} numbers as JSON; the limit is "
            f"{MAX_JSON_NUMBERS}: set binary_data_output, or send fewer items"
        )


def output_tensor(name: str, values: Floats, *, binary: bool) -> OutputTensor:
    """Return an output with its numbers as bytes or as a list."""
    shape = list(values.shape)
    if not binary:
        return OutputTensor(name=name, shape=shape, data=values.ravel().tolist())
    little_endian = np.ascontiguousarray(values, FLOAT32)
    data = little_endian.data.cast("B")  # not a copy
    size = OutputSize(binary_data_size=len(data))
    return OutputTensor(name=name, shape=shape, parameters=size, data=data)


def write_tensors(response: InferResponse) -> Content:
    """Write a response as JSON, followed by its binary tensors."""
    content = response.model_dump_json().encode()
    binary = [
        output.data
        for output in response.outputs
        if isinstance(output.data, memoryview)
    ]
    if not binary:
        return Content(content, ((b"content-type", JSON),))
    headers = (
        (b"content-type", OCTETS),
        (LENGTH_HEADER, b"%d" % len(content)),
    )
    return Content(b"".join((content, *binary)), headers)


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
