"""The bodies of the Open Inference Protocol: float32 tensors, in JSON or as bytes behind it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import prod
from typing import Annotated, Any, Literal, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainValidator,
    SkipValidation,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError

from service.api.schemas import Answer, Request
from service.model.autoencoder import Autoencoder, Floats
from service.operations.fields import Limits, number_of, whole_number

VERSION = "1"
FLOAT_BYTES = 4


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """What a graph takes or gives: float32 (batch, *shape)."""

    name: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model of the protocol: one input of bounded numbers, and what is computed of it, in the outputs' order."""

    name: str
    input: TensorSpec
    low: float
    high: float
    setting: str  # that sets the bounds, if one does
    outputs: tuple[TensorSpec, ...]
    compute: Callable[[Autoencoder, Floats], Sequence[Floats]]
    max_items: int


def graphs_of(limits: Limits) -> tuple[ModelSpec, ModelSpec]:
    """The encoder and the decoder."""
    pixels = TensorSpec("pixels", (1, limits.image_height, limits.image_width))
    latent, mean, log_variance = (
        TensorSpec(name, (limits.latent_size,))
        for name in ("latent", "mean", "log_variance")
    )
    bound = limits.max_latent
    return (
        ModelSpec(
            "encoder", pixels, 0, 1, "", (mean, log_variance), encode, limits.max_items
        ),
        ModelSpec(
            "decoder",
            latent,
            -bound,
            bound,
            " (VAE_MAX_LATENT)",
            (pixels,),
            decode,
            limits.max_items,
        ),
    )


def encode(model: Autoencoder, pixels: Floats) -> Sequence[Floats]:
    """Mean and log-variance, each (batch, latent), of pixels (batch, 1, height, width)."""
    posterior = model.encode(pixels[:, 0])
    return posterior.mean, posterior.log_variance


def decode(model: Autoencoder, latents: Floats) -> Sequence[Floats]:
    """Pixels (batch, 1, height, width) of latents (batch, latent)."""
    return (model.decode(latents)[:, np.newaxis],)


def graph_of(info: ValidationInfo) -> ModelSpec:
    """The graph that a body is for."""
    return cast("ModelSpec", info.context)


def check_input(name: str, info: ValidationInfo) -> str:
    """Refuse another input than the graph's."""
    return check_name(name, [graph_of(info).input])


def check_output(name: str, info: ValidationInfo) -> str:
    """Refuse another output than the graph's."""
    return check_name(name, graph_of(info).outputs)


def check_name(name: str, tensors: Sequence[TensorSpec]) -> str:
    """Refuse a name that is none of the tensors'."""
    names = [tensor.name for tensor in tensors]
    if name not in names:
        raise PydanticCustomError(
            "tensor",
            "must be {names}; is {name}",
            {"names": " or ".join(names), "name": name[:100]},
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
            {
                "most": graph.max_items,
                "sizes": str(sizes)[1:-1],
                "shape": str(shape[:8])[:100],
            },
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
                "tensor",
                "must have {size} bytes; has {count}",
                {"size": size, "count": len(value)},
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
            "tensor",
            "must have {size} numbers, in one list or nested as the shape says",
            {"size": prod(shape)},
        )
    try:
        return np.array(numbers, dtype=np.float64)
    except OverflowError:  # an integer of hundreds of digits
        return np.array([np.inf])


def check_range(numbers: NDArray[np.floating[Any]], graph: ModelSpec) -> None:
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
    WithJsonSchema(
        {
            "type": "array",
            "items": {"anyOf": [{"type": "number"}, {"type": "array", "items": {}}]},
        }
    ),
    Field(
        description="Its numbers by row, in one list or nested as the shape says; absent where they are binary."
    ),
]


def data_may_be_absent(schema: dict[str, Any]) -> None:
    """Tell of an input that its numbers may stand behind the JSON."""
    schema["required"].remove("data")


class InputParameters(Request, extra="ignore"):
    """What is said of an input beside the tensor; what is not listed is passed over."""

    binary_data_size: Annotated[
        int | None, Field(ge=0), BeforeValidator(whole_number)
    ] = Field(None, description="Bytes behind the JSON, little-endian float32.")


class InferInput(Request, json_schema_extra=data_may_be_absent):
    """A tensor to compute with."""

    name: Annotated[str, AfterValidator(check_input)] = Field(
        description="The model's input."
    )
    shape: Annotated[
        list[Annotated[int, BeforeValidator(whole_number)]],
        Field(min_length=1),
        AfterValidator(check_shape),
    ] = Field(
        description="Items, and the shape of one, as the model's metadata has it."
    )
    datatype: Literal["FP32"] = Field(
        description="float32 is all that the models take."
    )
    parameters: InputParameters = Field(
        InputParameters(), description="Whether the numbers are binary."
    )
    data: Numbers


class OutputParameters(Request):
    """How an output is wanted. Others than this would change the answer, and are refused."""

    binary_data: bool | None = Field(
        None, description="Whether its numbers are to stand behind the JSON."
    )


class InferOutput(Request):
    """An output that is wanted."""

    name: Annotated[str, AfterValidator(check_output)] = Field(
        description="One of the model's outputs."
    )
    parameters: OutputParameters = Field(
        OutputParameters(), description="How it is wanted."
    )


class InferParameters(Request, extra="ignore"):
    """What is said of the request; what is not listed is passed over."""

    binary_data_output: bool = Field(
        default=False,
        description="Whether outputs stand behind the JSON, unless they say.",
    )


class InferRequest(Request):
    """A batch for one of the models."""

    id: str = Field("", description="Given back in the answer.")
    parameters: InferParameters = Field(
        InferParameters(), description="How the answer is wanted."
    )
    inputs: list[InferInput] = Field(
        min_length=1, max_length=1, description="The model's one input."
    )
    outputs: list[InferOutput] = Field(
        [], description="The outputs that are wanted, each given once; none: all."
    )

    @classmethod
    def asked_images(cls, content: Mapping[str, object]) -> float:
        """See ``Request``."""
        match content:
            case {"inputs": [{"shape": [count, *_]}, *_]}:
                return number_of(count)
        return 1


class OutputSize(Answer):
    """Where the numbers of an output are."""

    binary_data_size: int = Field(
        description="Bytes behind the JSON, little-endian float32."
    )


class OutputTensor(Answer):
    """A tensor that was computed."""

    name: str = Field(description="Its name.")
    datatype: Literal["FP32"] = Field("FP32", description="float32.")
    shape: list[int] = Field(description="Items, and the shape of one.")
    parameters: OutputSize | None = Field(
        None,
        exclude_if=lambda value: value is None,
        description="Only where the numbers are binary.",
    )
    data: Annotated[list[float] | SkipJsonSchema[bytes], SkipValidation] = Field(
        exclude_if=lambda value: isinstance(value, bytes),
        description="Its numbers by row, in one list.",
    )


class InferAnswer(Answer):
    """What a model gave."""

    id: str = Field(
        "", exclude_if=lambda value: not value, description="The request's."
    )
    model_name: str = Field(description="The model.")
    model_version: str = Field(VERSION, description="Its version.")
    outputs: list[OutputTensor] = Field(description="In the order asked for.")


class ServerMetadata(Answer):
    """What answers."""

    name: str = Field(description="The service.")
    version: str = Field(description="Its version.")
    extensions: list[str] = Field(
        ["binary_tensor_data"], description="What it does beyond the protocol."
    )


class TensorMetadata(Answer):
    """A tensor that a model takes or gives."""

    name: str = Field(description="Its name.")
    datatype: Literal["FP32"] = Field("FP32", description="float32.")
    shape: list[int] = Field(
        description="Its shape; -1 stands for any number of items."
    )


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
