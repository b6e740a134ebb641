"""Configuration of the models, as Triton's clients read it."""

from typing import Literal

from pydantic import Field

from service.oip.specs import ModelSpec, TensorSpec
from service.operations.base import Response


class TensorConfig(Response):
    """Configuration of an input or output."""

    name: str = Field(description="Name of the tensor.")
    data_type: Literal["TYPE_FP32"] = Field("TYPE_FP32", description="float32.")
    dims: list[int] = Field(description="Shape of one item.")


class ModelConfig(Response):
    """Configuration of a model."""

    name: str = Field(description="Name of the model.")
    platform: str = Field("onnxruntime_onnx", description="Runtime of the model.")
    backend: str = Field("onnxruntime", description="Runtime of the model.")
    max_batch_size: int = Field(description="Largest number of items of a request.")
    input: list[TensorConfig] = Field(description="Inputs of the model.")
    output: list[TensorConfig] = Field(description="Outputs of the model.")
    dynamic_batching: dict[str, int] = Field(
        {}, description="Present: concurrent requests are computed as one batch."
    )


def model_config(spec: ModelSpec) -> ModelConfig:
    """Return the configuration of a model."""
    return ModelConfig(
        name=spec.name,
        max_batch_size=spec.max_items,
        input=[tensor_config(spec.input)],
        output=[tensor_config(tensor) for tensor in spec.outputs],
    )


def tensor_config(tensor: TensorSpec) -> TensorConfig:
    """Return the configuration of a tensor."""
    return TensorConfig(name=tensor.name, dims=list(tensor.shape))
