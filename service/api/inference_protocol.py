"""The Open Inference Protocol v2 over REST, as KServe and Triton clients speak it, with its binary tensors.

Encoder and decoder are two models of it, with one version each. Its repository, shared memory, classification and
further datatypes are not offered.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from math import prod
from typing import Annotated, Any, Literal, cast

import numpy as np
from fastapi import APIRouter, Request
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, PlainValidator, SkipValidation, ValidationInfo, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError
from starlette.types import Scope

from service.api.admission import Admission
from service.api.json_route import Answerer, parse_json
from service.api.post_route import Headers, PostRoute, Reply, Task, check_json_type, text
from service.api.problems import EXAMPLES, Problem, not_read
from service.api.routes import KEY_NEEDED, Model, Shared, readyz
from service.api.schemas import Answer, Limits
from service.api.schemas import Request as RequestSchema
from service.model.autoencoder import Autoencoder, Floats

TAG = "Open Inference Protocol"
NAMES = ("encoder", "decoder")
VERSION = "1"
OCTETS = b"application/octet-stream"
LENGTH_HEADER = b"inference-header-content-length"
FLOAT_BYTES = 4


def model_paths(name: str) -> tuple[str, str]:
    """Where a model is, without and with its version."""
    path = f"/v2/models/{name}"
    return path, f"{path}/versions/{VERSION}"


PATHS = (
    "/v2",
    "/v2/health/live",
    "/v2/health/ready",
    *(f"{path}{end}" for name in NAMES for path in model_paths(name) for end in ("", "/ready", "/infer")),
)


@dataclass(frozen=True, slots=True)
class Tensor:
    """What a graph takes or gives: float32 (batch, *shape)."""

    name: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """A model of the protocol: one input of bounded numbers, and what is computed of it, in the outputs' order."""

    name: str
    input: Tensor
    low: float
    high: float
    setting: str  # that sets the bounds, if one does
    outputs: tuple[Tensor, ...]
    compute: Callable[[Autoencoder, Floats], Sequence[Floats]]
    max_items: int


def graphs_of(limits: Limits) -> tuple[Graph, Graph]:
    """The encoder and the decoder."""
    pixels = Tensor("pixels", (1, limits.image_height, limits.image_width))
    latent, mean, log_variance = (Tensor(name, (limits.latent_size,)) for name in ("latent", "mean", "log_variance"))
    bound = limits.max_latent
    return (
        Graph("encoder", pixels, 0, 1, "", (mean, log_variance), encode, limits.max_items),
        Graph("decoder", latent, -bound, bound, " (VAE_MAX_LATENT)", (pixels,), decode, limits.max_items),
    )


def encode(model: Autoencoder, pixels: Floats) -> Sequence[Floats]:
    """Mean and log-variance, each (batch, latent), of pixels (batch, 1, height, width)."""
    posterior = model.encode(pixels[:, 0])
    return posterior.mean, posterior.log_variance


def decode(model: Autoencoder, latents: Floats) -> Sequence[Floats]:
    """Pixels (batch, 1, height, width) of latents (batch, latent)."""
    return (model.decode(latents)[:, np.newaxis],)


def graph_of(info: ValidationInfo) -> Graph:
    """The graph that a body is for."""
    return cast("Graph", info.context)


def check_input(name: str, info: ValidationInfo) -> str:
    """Refuse another input than the graph's."""
    return check_name(name, [graph_of(info).input])


def check_output(name: str, info: ValidationInfo) -> str:
    """Refuse another output than the graph's."""
    return check_name(name, graph_of(info).outputs)


def check_name(name: str, tensors: Sequence[Tensor]) -> str:
    """Refuse a name that is none of the tensors'."""
    names = [tensor.name for tensor in tensors]
    if name not in names:
        raise PydanticCustomError(
            "tensor", "must be {names}; is {name}", {"names": " or ".join(names), "name": name[:100]}
        )
    return name


def check_shape(shape: list[int], info: ValidationInfo) -> list[int]:
    """Refuse a shape that the graph does not take, or of too many items."""
    graph = graph_of(info)
    sizes = list(graph.input.shape)
    if shape[1:] != sizes or not 1 <= shape[0] <= graph.max_items:
        raise PydanticCustomError(
            "shape",
            "must be [1 to {most} (VAE_MAX_ITEMS), {sizes}]; is {shape}",
            {"most": graph.max_items, "sizes": str(sizes)[1:-1], "shape": str(shape[:8])[:100]},
        )
    return shape


def read_tensor(value: object, info: ValidationInfo) -> Floats:
    """Read an input's numbers: float32 of the shape beside them."""
    shape = info.data.get("shape")
    if shape is None:  # which is refused already
        return np.empty(0, dtype=np.float32)
    if isinstance(value, bytes):
        size = FLOAT_BYTES * prod(shape)
        if len(value) != size:
            raise PydanticCustomError(
                "tensor", "must have {size} bytes; has {count}", {"size": size, "count": len(value)}
            )
        numbers: NDArray[np.floating[Any]] = np.frombuffer(value, dtype="<f4")
    else:
        numbers = read_numbers(value, shape)
    check_range(numbers, graph_of(info))
    return numbers.astype(np.float32).reshape(shape)


def read_numbers(value: object, shape: list[int]) -> NDArray[np.float64]:
    """Read JSON's numbers, in one list or nested as the shape says."""
    numbers = value if isinstance(value, list) else []
    if numbers and isinstance(numbers[0], list):
        for length in shape[1:]:
            if not all(isinstance(row, list) and len(row) == length for row in numbers):
                numbers = []
            numbers = list(chain.from_iterable(numbers))
    if len(numbers) != prod(shape) or not set(map(type, numbers)) <= {int, float}:
        raise PydanticCustomError(
            "tensor", "must have {size} numbers, in one list or nested as the shape says", {"size": prod(shape)}
        )
    try:
        return np.array(numbers, dtype=np.float64)
    except OverflowError:  # an integer of hundreds of digits
        return np.array([np.inf])


def check_range(numbers: NDArray[np.floating[Any]], graph: Graph) -> None:
    """Refuse numbers out of bounds, or that are none."""
    lowest, highest = numbers.min(), numbers.max()
    if not (graph.low <= lowest and highest <= graph.high):  # NaN fits neither
        raise PydanticCustomError(
            "range",
            "must have numbers from {low} to {high}{setting}; has {worst}",
            {
                "low": f"{graph.low:g}",
                "high": f"{graph.high:g}",
                "setting": graph.setting,
                "worst": f"{lowest if lowest < graph.low else highest:g}",
            },
        )


Numbers = Annotated[
    Floats,
    PlainValidator(read_tensor),
    WithJsonSchema({"type": "array", "items": {"anyOf": [{"type": "number"}, {"type": "array"}]}}),
    Field(description="Its numbers by row, in one list or nested as the shape says; absent where they are binary."),
]


class InputParameters(RequestSchema, extra="ignore"):
    """What is said of an input beside the tensor; what is not listed is passed over."""

    binary_data_size: int | None = Field(None, ge=0, description="Bytes behind the JSON, little-endian float32.")


class InferInput(RequestSchema):
    """A tensor to compute with."""

    name: Annotated[str, AfterValidator(check_input)] = Field(description="The model's input.")
    shape: Annotated[list[int], Field(min_length=1), AfterValidator(check_shape)] = Field(
        description="Items, and the shape of one, as the model's metadata has it."
    )
    datatype: Literal["FP32"] = Field(description="float32 is all that the models take.")
    parameters: InputParameters = Field(InputParameters(), description="Whether the numbers are binary.")
    data: Numbers


class OutputParameters(RequestSchema):
    """How an output is wanted. Others than this would change the answer, and are refused."""

    binary_data: bool | None = Field(None, description="Whether its numbers are to stand behind the JSON.")


class InferOutput(RequestSchema):
    """An output that is wanted."""

    name: Annotated[str, AfterValidator(check_output)] = Field(description="One of the model's outputs.")
    parameters: OutputParameters = Field(OutputParameters(), description="How it is wanted.")


class InferParameters(RequestSchema, extra="ignore"):
    """What is said of the request; what is not listed is passed over."""

    binary_data_output: bool = Field(False, description="Whether outputs stand behind the JSON, unless they say.")  # noqa: FBT003 - a default


class InferRequest(RequestSchema):
    """A batch for one of the models."""

    id: str = Field("", description="Given back in the answer.")
    parameters: InferParameters = Field(InferParameters(), description="How the answer is wanted.")
    inputs: list[InferInput] = Field(min_length=1, max_length=1, description="The model's one input.")
    outputs: list[InferOutput] = Field([], description="The outputs that are wanted, each given once; none: all.")

    @classmethod
    def image_count(cls, content: object, limits: Limits) -> int:
        """See ``Request``."""
        match content:
            case {"inputs": [{"shape": [int(count), *_]}, *_]}:
                return min(max(count, 1), limits.max_items)
        return 1


class OutputSize(Answer):
    """Where the numbers of an output are."""

    binary_data_size: int = Field(description="Bytes behind the JSON, little-endian float32.")


class OutputTensor(Answer):
    """A tensor that was computed."""

    name: str = Field(description="Its name.")
    datatype: Literal["FP32"] = Field("FP32", description="float32.")
    shape: list[int] = Field(description="Items, and the shape of one.")
    parameters: OutputSize | None = Field(
        None, exclude_if=lambda value: value is None, description="Only where the numbers are binary."
    )
    data: Annotated[list[float] | SkipJsonSchema[bytes], SkipValidation] = Field(
        exclude_if=lambda value: isinstance(value, bytes), description="Its numbers by row, in one list."
    )


class InferAnswer(Answer):
    """What a model gave."""

    id: str = Field("", exclude_if=lambda value: not value, description="The request's.")
    model_name: str = Field(description="The model.")
    model_version: str = Field(VERSION, description="Its version.")
    outputs: list[OutputTensor] = Field(description="In the order asked for.")


class ServerMetadata(Answer):
    """What answers."""

    name: str = Field(description="The service.")
    version: str = Field(description="Its version.")
    extensions: list[str] = Field(["binary_tensor_data"], description="What it does beyond the protocol.")


class TensorMetadata(Answer):
    """A tensor that a model takes or gives."""

    name: str = Field(description="Its name.")
    datatype: Literal["FP32"] = Field("FP32", description="float32.")
    shape: list[int] = Field(description="Its shape; -1 stands for any number of items.")


class ModelMetadata(Answer):
    """What a model takes and gives."""

    name: str = Field(description="Its name.")
    versions: list[str] = Field([VERSION], description="The one version.")
    platform: str = Field("onnxruntime_onnx", description="What computes it.")
    inputs: list[TensorMetadata] = Field(description="What it takes.")
    outputs: list[TensorMetadata] = Field(description="What it gives.")


class Live(Answer):
    """The answer of a probe."""

    live: Literal[True] = Field(True, description="It answers.")  # noqa: FBT003 - a default


class Ready(Answer):
    """The answer of a probe."""

    ready: Literal[True] = Field(True, description="It computes.")  # noqa: FBT003 - a default


class ModelReady(Ready):
    """The answer of a model's probe."""

    name: str = Field(description="The model.")


Infer = Callable[[InferRequest, Autoencoder], InferAnswer]


def operation_of(graph: Graph) -> Infer:
    """The operation that computes a graph."""
    names = [tensor.name for tensor in graph.outputs]

    def infer(body: InferRequest, model: Model) -> InferAnswer:
        computed = dict(zip(names, graph.compute(model, body.inputs[0].data), strict=True))
        wanted = {output.name: output.parameters.binary_data for output in body.outputs} or dict.fromkeys(names)
        default = body.parameters.binary_data_output
        outputs = [
            output_tensor(name, computed[name], binary=default if binary is None else binary)
            for name, binary in wanted.items()
        ]
        return InferAnswer(id=body.id, model_name=graph.name, outputs=outputs)

    return infer


def output_tensor(name: str, values: Floats, *, binary: bool) -> OutputTensor:
    """An output for the answer, its numbers as bytes or for JSON."""
    shape = list(values.shape)
    if not binary:
        return OutputTensor(name=name, shape=shape, data=values.ravel().tolist())
    data = values.astype("<f4").tobytes()
    return OutputTensor(name=name, shape=shape, parameters=OutputSize(binary_data_size=len(data)), data=data)


def tensor_reply(answer: InferAnswer) -> Reply:
    """The answer as JSON, with the numbers that are bytes behind it."""
    content = answer.model_dump_json().encode()
    binary = [output.data for output in answer.outputs if isinstance(output.data, bytes)]
    if not binary:
        return Reply(content)
    headers = [(b"content-type", OCTETS), (LENGTH_HEADER, b"%d" % len(content))]
    return Reply(b"".join([content, *binary]), headers)


class InferRoute(PostRoute):
    """A POST route that computes one graph, of JSON, or of JSON with the numbers as bytes behind it."""

    def __init__(
        self,
        path: str,
        graph: Graph,
        autoencoder: Autoencoder,
        limits: Limits,
        admission: Admission,
        **description: Any,  # noqa: ANN401 - what FastAPI takes
    ) -> None:
        operation = operation_of(graph)
        super().__init__(path, operation, limits.max_body_bytes, admission, **description)
        self._limits = limits
        self._answerer = Answerer(operation, autoencoder, lambda _: graph, tensor_reply)
        shape = graph.input.shape
        values_and_rows = sum(prod(shape[:axes]) for axes in range(len(shape) + 1))  # nested, each row is a list
        self._max_parts = limits.max_items * values_and_rows + 64

    def check_type(self, content_type: bytes, headers: Headers) -> bytes:
        """Refuse all but JSON, bytes, and no type at all, as tritonclient has it. Raises RefusedError.

        A web page can send a body without a type to another origin without asking, but it cannot hide its own.
        """
        from_page = any(name == b"origin" for name, _ in headers)
        if content_type != OCTETS and (content_type or from_page):
            check_json_type(content_type)
        return content_type

    def parse(self, content: bytes, content_type: bytes, scope: Scope) -> Task:
        """See ``PostRoute``."""
        del content_type  # JSON comes first, whatever it is called
        length = json_length(scope["headers"], len(content))
        body = parse_json(content[:length], self._max_parts)
        give_bytes(body, content[length:])
        return Task(InferRequest.image_count(body, self._limits), partial(self._answerer, body))


def json_length(headers: Headers, total: int) -> int:
    """How many of a body's bytes are JSON: all, unless a header says. Raises RefusedError."""
    said = dict(headers).get(LENGTH_HEADER)
    if said is None:
        return total
    length = int(said) if said.isdigit() and len(said) <= len(str(total)) else -1
    if not 0 <= length <= total:
        raise not_read(f"Inference-Header-Content-Length must be 0 to {total}, the body's bytes; is {text(said)}")
    return length


def give_bytes(body: object, binary: bytes) -> None:
    """Give the bytes behind the JSON to the input that claims them, as its data. Raises RefusedError."""
    claimed = 0
    match body:
        case {"inputs": [{"parameters": {"binary_data_size": int(claimed)}} as tensor]}:
            if "data" in tensor:
                raise not_read("an input must have either data or binary_data_size")
            tensor["data"] = binary
    if len(binary) != claimed:
        raise not_read(f"{len(binary)} bytes follow the JSON; binary_data_size is {claimed}")


def infer_routes(model: Autoencoder, limits: Limits, admission: Admission) -> list[InferRoute]:
    """The routes that compute. Those that name the version are as good, and not described again."""
    return [
        InferRoute(
            f"{path}/infer",
            graph,
            model,
            limits,
            admission,
            operation_id=f"{graph.name}_infer",
            tags=[TAG],
            summary=f"Compute the {graph.name}",
            description=(
                "With `Inference-Header-Content-Length` the numbers stand as bytes behind the JSON "
                "(binary tensor data extension). `/versions/1/infer` is the same."
            ),
            include_in_schema=path == model_paths(graph.name)[0],
            responses={
                200: {"content": {OCTETS.decode(): {"schema": {"type": "string", "format": "binary"}}}},
                **{status: {"model": Problem} for status in EXAMPLES},
            },
        )
        for graph in graphs_of(limits)
        for path in model_paths(graph.name)
    ]


def protocol_router(limits: Limits) -> APIRouter:
    """The routes that tell what there is and how it is."""
    router = APIRouter(tags=[TAG])

    @router.get("/v2", operation_id="server_metadata", summary="Tell what answers", responses=KEY_NEEDED)
    async def server_metadata(request: Request) -> ServerMetadata:
        """Name, version and extensions of the server."""
        return ServerMetadata(name=request.app.title, version=request.app.version)

    @router.get("/v2/health/live", operation_id="server_live", summary="Tell that the process answers")
    async def server_live() -> Live:
        """As `/livez`."""
        return Live()

    @router.get(
        "/v2/health/ready",
        operation_id="server_ready",
        summary="Tell that both models compute",
        responses={503: {"model": Problem}},
    )
    async def server_ready(model: Model, state: Shared) -> Ready:
        """As `/readyz`: runs a real inference first."""
        await readyz(model, state)
        return Ready()

    for graph in graphs_of(limits):
        for path in model_paths(graph.name):
            add_model(router, path, graph)
    return router


def add_model(router: APIRouter, path: str, graph: Graph) -> None:
    """Add the routes that tell of one model; those with a version are not described again."""
    described = path == model_paths(graph.name)[0]

    async def metadata() -> ModelMetadata:
        """Names, datatypes and shapes of its tensors."""
        return ModelMetadata(
            name=graph.name, inputs=[tensor_metadata(graph.input)], outputs=list(map(tensor_metadata, graph.outputs))
        )

    async def ready(model: Model, state: Shared) -> ModelReady:
        """As `/readyz`: runs a real inference first."""
        await readyz(model, state)
        return ModelReady(name=graph.name)

    router.add_api_route(
        path,
        metadata,
        operation_id=f"{graph.name}_metadata",
        summary=f"Tell what the {graph.name} takes and gives",
        include_in_schema=described,
        responses=KEY_NEEDED,
    )
    router.add_api_route(
        f"{path}/ready",
        ready,
        operation_id=f"{graph.name}_ready",
        summary=f"Tell that the {graph.name} computes",
        include_in_schema=described,
        responses={**KEY_NEEDED, 503: {"model": Problem}},
    )


def tensor_metadata(tensor: Tensor) -> TensorMetadata:
    """A tensor as metadata tells it."""
    return TensorMetadata(name=tensor.name, shape=[-1, *tensor.shape])
