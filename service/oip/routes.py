"""The Open Inference Protocol v2 over REST, as KServe and Triton clients speak it, with its binary tensors.

Encoder and decoder are two models of it, with one version each. Its repository, shared memory, classification and
further datatypes are not offered.
"""

from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any

from fastapi import APIRouter, Request
from starlette.types import Scope

from service.api.admission import Admission
from service.api.errors import Problem, not_read
from service.api.json_route import Answerer, parse_json
from service.api.route import (
    JSON,
    Headers,
    PostRoute,
    Reply,
    Task,
    check_body_type,
    text,
)
from service.api.routes import Model, Shared, readyz
from service.api.schemas import ExampleInputs
from service.model.autoencoder import Autoencoder, Floats
from service.oip.schemas import (
    VERSION,
    InferAnswer,
    InferRequest,
    Live,
    ModelMetadata,
    ModelReady,
    ModelSpec,
    OutputSize,
    OutputTensor,
    Ready,
    ServerMetadata,
    TensorMetadata,
    TensorSpec,
    graphs_of,
)
from service.operations.fields import Limits

TAG = "Open Inference Protocol"
NAMES = ("encoder", "decoder")
OCTETS = b"application/octet-stream"
LENGTH_HEADER = b"inference-header-content-length"
WEIGHT = 4  # images that an item is as much work as: its numbers in JSON take 60 to 80 us, a digit in a PNG 19


def model_paths(name: str) -> tuple[str, str]:
    """Where a model is, without and with its version."""
    path = f"/v2/models/{name}"
    return path, f"{path}/versions/{VERSION}"


PATHS = (
    "/v2",
    "/v2/health/live",
    "/v2/health/ready",
    *(
        f"{path}{end}"
        for name in NAMES
        for path in model_paths(name)
        for end in ("", "/ready", "/infer")
    ),
)


Infer = Callable[[InferRequest, Autoencoder], InferAnswer]


def operation_of(graph: ModelSpec) -> Infer:
    """The operation that computes a graph."""
    names = [tensor.name for tensor in graph.outputs]

    def infer(body: InferRequest, model: Model) -> InferAnswer:
        computed = dict(
            zip(names, graph.compute(model, body.inputs[0].data), strict=True)
        )
        wanted = {
            output.name: output.parameters.binary_data for output in body.outputs
        } or dict.fromkeys(names)
        default = body.parameters.binary_data_output
        outputs = [
            output_tensor(
                name, computed[name], binary=default if binary is None else binary
            )
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
    return OutputTensor(
        name=name,
        shape=shape,
        parameters=OutputSize(binary_data_size=len(data)),
        data=data,
    )


def tensor_reply(answer: InferAnswer, _: object) -> Reply:
    """The answer as JSON, with the numbers that are bytes behind it."""
    content = answer.model_dump_json().encode()
    binary = [
        output.data for output in answer.outputs if isinstance(output.data, bytes)
    ]
    if not binary:
        return Reply(content)
    headers = [(b"content-type", OCTETS), (LENGTH_HEADER, b"%d" % len(content))]
    return Reply(b"".join([content, *binary]), headers)


class InferRoute(PostRoute):
    """A POST route that computes one graph, of JSON, or of JSON with the numbers as bytes behind it."""

    answer_types = (JSON, OCTETS)  # the body says which

    def __init__(
        self,
        path: str,
        graph: ModelSpec,
        autoencoder: Autoencoder,
        limits: Limits,
        admission: Admission,
        **description: Any,  # noqa: ANN401 - what FastAPI takes
    ) -> None:
        operation = operation_of(graph)
        super().__init__(
            path, operation, limits.max_body_bytes, admission, **description
        )
        self._limits = limits
        self._input = graph.input
        self._graph = graph
        self._answerer = Answerer(operation, autoencoder)
        shape = graph.input.shape
        values_and_rows = sum(
            prod(shape[:axes]) for axes in range(len(shape) + 1)
        )  # nested, each row is a list
        self._max_parts = limits.max_items * values_and_rows + 64

    def check_type(self, content_type: bytes, headers: Headers) -> bytes:
        """Refuse all but JSON, bytes, and no type at all, as tritonclient has it. Raises RefusedError.

        A web page can send a body without a type to another origin without asking, but it cannot hide its own.
        """
        from_page = any(name == b"origin" for name, _ in headers)
        if content_type != OCTETS and (content_type or from_page):
            check_body_type(content_type)
        return content_type

    def examples(self, ingredients: ExampleInputs) -> dict[str, object]:
        """See ``PostRoute``."""
        tensor = self._input
        values = {"pixels": ingredients.pixels, "latent": ingredients.latents}[
            tensor.name
        ][0]
        item = {
            "name": tensor.name,
            "shape": [1, *tensor.shape],
            "datatype": "FP32",
            "data": values,
        }
        return {"One item": {"inputs": [item]}}

    def parse(
        self,
        content: bytes,
        content_type: bytes,
        scope: Scope,
        answer_type: bytes = JSON,
    ) -> Task:
        """See ``PostRoute``."""
        del content_type, answer_type  # JSON comes first, whatever it is called
        length = json_length(scope["headers"], len(content))
        body = parse_json(content[:length], self._max_parts)
        give_bytes(body, content[length:])
        work = partial(self._answerer, body, self._graph, tensor_reply)
        images = InferRequest.image_count(body, self._limits)
        return Task(images, work, images * WEIGHT)


def json_length(headers: Headers, total: int) -> int:
    """How many of a body's bytes are JSON: all, unless a header says. Raises RefusedError."""
    said = dict(headers).get(LENGTH_HEADER)
    if said is None:
        return total
    length = int(said) if said.isdigit() and len(said) <= len(str(total)) else -1
    if not 0 <= length <= total:
        raise not_read(
            f"Inference-Header-Content-Length must be 0 to {total}, the body's bytes; is {text(said)}"
        )
    return length


def give_bytes(body: object, binary: bytes) -> None:
    """Give the bytes behind the JSON to the input that claims them, as its data. Raises RefusedError."""
    claimed: float = 0
    match body:
        case {"inputs": [_, _, *_]}:
            return  # the schema says that there must be one
        case {
            "inputs": [
                {
                    "parameters": {"binary_data_size": int() | float() as claimed}
                } as tensor
            ]
        }:
            if "data" in tensor:
                raise not_read("an input must have either data or binary_data_size")
            tensor["data"] = binary
    if len(binary) != claimed:
        raise not_read(
            f"{len(binary)} bytes follow the JSON; binary_data_size is {claimed}"
        )


def infer_routes(
    model: Autoencoder, limits: Limits, admission: Admission
) -> list[InferRoute]:
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
                200: {
                    "content": {
                        OCTETS.decode(): {
                            "schema": {"type": "string", "format": "binary"}
                        }
                    }
                },
                422: {"model": Problem},
            },
        )
        for graph in graphs_of(limits)
        for path in model_paths(graph.name)
    ]


def protocol_router(limits: Limits) -> APIRouter:
    """The routes that tell what there is and how it is."""
    router = APIRouter(tags=[TAG])

    @router.get("/v2", operation_id="server_metadata", summary="Tell what answers")
    async def server_metadata(request: Request) -> ServerMetadata:
        """Name, version and extensions of the server."""
        return ServerMetadata(name=request.app.title, version=request.app.version)

    @router.get(
        "/v2/health/live",
        operation_id="server_live",
        summary="Tell that the process answers",
    )
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


def add_model(router: APIRouter, path: str, graph: ModelSpec) -> None:
    """Add the routes that tell of one model; those with a version are not described again."""
    described = path == model_paths(graph.name)[0]

    async def metadata() -> ModelMetadata:
        """Names, datatypes and shapes of its tensors."""
        return ModelMetadata(
            name=graph.name,
            inputs=[tensor_metadata(graph.input)],
            outputs=list(map(tensor_metadata, graph.outputs)),
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
    )
    router.add_api_route(
        f"{path}/ready",
        ready,
        operation_id=f"{graph.name}_ready",
        summary=f"Tell that the {graph.name} computes",
        include_in_schema=described,
        responses={503: {"model": Problem}},
    )


def tensor_metadata(tensor: TensorSpec) -> TensorMetadata:
    """A tensor as metadata tells it."""
    return TensorMetadata(name=tensor.name, shape=[-1, *tensor.shape])
