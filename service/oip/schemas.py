"""Requests and responses of the Open Inference Protocol."""

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    FailFast,
    Field,
    PlainValidator,
    WithJsonSchema,
)

from service.model.autoencoder import Floats
from service.oip.specs import VERSION
from service.oip.tensors import (
    check_input_name,
    check_output_name,
    check_shape,
    read_tensor,
)
from service.operations.base import Request, Response
from service.operations.fields import UNCHECKED, WholeNumber

MAX_DIMENSIONS = 8
MAX_OUTPUTS = 16
NUMBERS_SCHEMA = {
    "type": "array",
    "items": {"anyOf": [{"type": "number"}, {"type": "array", "items": {}}]},
}
LIST_SCHEMA = {"type": "array", "items": {"type": "number"}}

Numbers = Annotated[
    Floats,
    PlainValidator(read_tensor),
    WithJsonSchema(NUMBERS_SCHEMA),
    Field(
        description="Numbers by row, in one list or nested as the shape says; absent "
        "if they are binary."
    ),
]
Shape = Annotated[
    list[WholeNumber],
    FailFast(),
    Field(min_length=1, max_length=MAX_DIMENSIONS),
    AfterValidator(check_shape),
]


def describe_binary(schema: dict[str, Any]) -> None:
    """Make the data optional in the schema of an input: its numbers may be binary."""
    schema["required"].remove("data")


class InputParameters(Request, extra="ignore"):
    """Parameters of an input; others are ignored."""

    binary_data_size: Annotated[WholeNumber, Field(ge=0)] | None = Field(
        None, description="Number of bytes after the JSON, little-endian float32."
    )


class InferInput(Request, json_schema_extra=describe_binary):
    """Input tensor."""

    name: Annotated[str, AfterValidator(check_input_name)] = Field(
        description="The model's input."
    )
    shape: Shape = Field(
        description="Number of items and the shape of one, as in the model's metadata."
    )
    datatype: Literal["FP32"] = Field(description="float32, the only datatype.")
    parameters: InputParameters = Field(
        InputParameters.model_construct(), description="Whether the numbers are binary."
    )
    data: Numbers


class OutputParameters(Request):
    """Parameters of an output. Others would change the response and are rejected."""

    binary_data: bool | None = Field(
        None, description="Whether the numbers are bytes after the JSON."
    )
    content_type: str | None = Field(
        None, description="Ignored; MLServer's clients send it."
    )


class InferOutput(Request):
    """Requested output."""

    name: Annotated[str, AfterValidator(check_output_name)] = Field(
        description="One of the model's outputs."
    )
    parameters: OutputParameters = Field(
        OutputParameters.model_construct(), description="Form of the output."
    )


class InferParameters(Request, extra="ignore"):
    """Parameters of the request; others are ignored."""

    binary_data_output: bool = Field(
        default=False,
        description="Whether outputs are bytes after the JSON; default of binary_data.",
    )


class InferRequest(Request):
    """A batch for one of the models."""

    id: str = Field("", description="Returned in the response.")
    model_name: str = Field("", description="Ignored: the path names the model.")
    model_version: str = Field("", description="Ignored: there is one version.")
    parameters: InferParameters = Field(
        InferParameters.model_construct(), description="Form of the response."
    )
    inputs: list[InferInput] = Field(
        min_length=1, max_length=1, description="The model's one input."
    )
    outputs: Annotated[list[InferOutput], FailFast()] = Field(
        [],
        max_length=MAX_OUTPUTS,
        description="Outputs to return, each once; empty: all.",
    )


class OutputSize(Response):
    """Size of an output's binary numbers."""

    binary_data_size: int = Field(
        description="Number of bytes after the JSON, little-endian float32."
    )


class OutputTensor(Response):
    """Output tensor."""

    name: str = Field(description="Name of the output.")
    datatype: Literal["FP32"] = Field("FP32", description="float32.")
    shape: list[int] = Field(description="Number of items and the shape of one.")
    parameters: OutputSize | None = Field(
        None,
        exclude_if=lambda value: value is None,
        description="Only if the numbers are binary.",
    )
    data: Annotated[list[float], UNCHECKED, WithJsonSchema(LIST_SCHEMA)] = Field(
        [],
        exclude_if=lambda value: not value,
        description="Numbers by row, in one list; absent if they are binary.",
    )


class InferResponse(Response):
    """Outputs of a model."""

    id: str = Field(
        "", exclude_if=lambda value: not value, description="The request's id."
    )
    model_name: str = Field(description="Name of the model.")
    model_version: str = Field(VERSION, description="Version of the model.")
    outputs: list[OutputTensor] = Field(description="Outputs, in the requested order.")


class ServerMetadata(Response):
    """Metadata of the server."""

    name: str = Field(description="Name of the service.")
    version: str = Field(description="Version of the service.")
    extensions: list[str] = Field(description="Extensions of the protocol.")


class TensorMetadata(Response):
    """Metadata of an input or output."""

    name: str = Field(description="Name of the tensor.")
    datatype: Literal["FP32"] = Field("FP32", description="float32.")
    shape: list[int] = Field(description="Shape; -1: any number of items.")


class ModelMetadata(Response):
    """Metadata of a model."""

    name: str = Field(description="Name of the model.")
    versions: list[str] = Field([VERSION], description="The one version.")
    platform: str = Field("onnxruntime_onnx", description="Runtime of the model.")
    inputs: list[TensorMetadata] = Field(description="Inputs of the model.")
    outputs: list[TensorMetadata] = Field(description="Outputs of the model.")


class Live(Response):
    """Response of the server's liveness probe."""

    live: bool = Field(default=True, description="Always true.")


class Ready(Response):
    """Response of the server's readiness probe."""

    ready: bool = Field(default=True, description="Always true.")


class ModelReady(Ready):
    """Response of a model's readiness probe."""

    name: str = Field(description="Name of the model.")


class ModelIndex(Response):
    """Entry of the model repository's index."""

    name: str = Field(description="Name of the model.")
    version: str = Field(VERSION, description="Version of the model.")
    state: Literal["READY", "UNAVAILABLE"] = Field(
        description="READY: a real inference has succeeded."
    )
    reason: str = Field("", description="Reason why the model is unavailable.")
