"""The layers of a model, read from its ONNX graphs."""

import math
from dataclasses import dataclass
from typing import Any, Literal

import onnx

ACTIVATIONS = {"Relu": "ReLU", "Sigmoid": "Sigmoid", "Clip": "Clip"}

LayerType = Literal["dense", "conv", "transposed-conv", "constant"]
Shape = tuple[int, ...]  # without the batch


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer with weights, followed by its activation.

    Attributes:
        type: ``constant`` has the same output for every input.
        input_shape: Of one image.
        output_shape: Of one image.
        weights: Shape of the weights; empty if there are none.
        biases: Shape of the biases.
        activation: Function that is applied to the output.
    """

    type: LayerType
    input_shape: Shape
    output_shape: Shape
    weights: Shape
    biases: Shape
    activation: str

    @property
    def parameters(self) -> int:
        """Number of weights and biases."""
        weights = math.prod(self.weights) if self.weights else 0
        return weights + math.prod(self.biases)

    @property
    def multiply_adds(self) -> int:
        """Multiplications with additions for one image."""
        if not self.weights:
            return 0
        # A kernel is applied once at each place: of the input, if it is transposed.
        shape = self.output_shape
        if self.type == "transposed-conv":
            shape = self.input_shape
        places = math.prod(shape[1:])
        return math.prod(self.weights) * places

    def to_card(self) -> dict[str, Any]:
        """Return the layer's entry in the model card."""
        return {
            "type": self.type,
            "output_shape": list(self.output_shape),
            "activation": self.activation,
            "parameters": self.parameters,
        }


@dataclass(frozen=True, slots=True)
class Architecture:
    """The layers of encoder, sampler and decoder, in forward order."""

    encoder: list[Layer]
    mean: Layer
    log_variance: Layer
    decoder: list[Layer]

    @property
    def parameters(self) -> int:
        """Number of weights and biases of the whole model."""
        sampler = [self.mean, self.log_variance]
        layers = self.encoder + sampler + self.decoder
        return sum(layer.parameters for layer in layers)

    def multiply_adds(self) -> dict[str, int]:
        """Return each graph's multiplications with additions for one image."""
        encoder = [*self.encoder, self.mean, self.log_variance]
        return {
            "encoder": sum(layer.multiply_adds for layer in encoder),
            "decoder": sum(layer.multiply_adds for layer in self.decoder),
        }

    def to_card(self) -> dict[str, Any]:
        """Return the layers as the model card lists them."""
        return {
            "encoder": [layer.to_card() for layer in self.encoder],
            "sampler": {
                "mean": self.mean.to_card(),
                "log_variance": self.log_variance.to_card(),
            },
            "decoder": [layer.to_card() for layer in self.decoder],
        }


def read_architecture(
    encoder: onnx.ModelProto, decoder: onnx.ModelProto
) -> Architecture:
    """Return the layers of both graphs."""
    encoder_layers = layers_of(encoder.graph)
    mean = encoder_layers.pop("mean")
    log_variance = encoder_layers.pop("log_variance")
    decoder_layers = layers_of(decoder.graph)
    return Architecture(
        encoder=list(encoder_layers.values()),
        mean=mean,
        log_variance=log_variance,
        decoder=list(decoder_layers.values()),
    )


def layers_of(graph: onnx.GraphProto) -> dict[str, Layer]:
    """Return the layers by the name of the value before the activation."""
    layers = {}
    for node in graph.node:
        layer = read_layer(graph, node)
        if layer:
            layers[converted(graph, node.output[0])] = layer
    return layers


def read_layer(graph: onnx.GraphProto, node: onnx.NodeProto) -> Layer | None:
    """Return a node as a layer; None if it has no weights."""
    weights = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    value = node.output[0]
    function = activation(graph, value)
    if node.op_type == "Gemm":
        shape, biases = [weights[name] for name in node.input[1:]]
        outputs, inputs = shape
        return Layer("dense", (inputs,), (outputs,), shape, biases, function)
    if node.op_type in {"Conv", "ConvTranspose"}:
        kind: LayerType = "conv" if node.op_type == "Conv" else "transposed-conv"
        return Layer(
            kind,
            value_shape(graph, node.input[0]),
            value_shape(graph, value),
            weights[node.input[1]],
            weights[node.input[2]],
            function,
        )
    if value == "log_variance" and node.op_type == "Add":
        shape = value_shape(graph, value)
        return Layer("constant", (), shape, (), shape, function)
    return None


def converted(graph: onnx.GraphProto, value: str) -> str:
    """Return the name that a value has after a conversion of its type, if any."""
    for node in graph.node:
        if node.op_type == "Cast" and value in node.input:
            value = node.output[0]
            break
    return value


def value_shape(graph: onnx.GraphProto, name: str) -> Shape:
    """Return a value's shape for one image."""
    values = [*graph.input, *graph.value_info, *graph.output]
    (found,) = (value for value in values if value.name == name)
    _, *sizes = found.type.tensor_type.shape.dim
    return tuple(size.dim_value for size in sizes)


def activation(graph: onnx.GraphProto, value: str) -> str:
    """Return the name of the function applied to a value, past any reshaping."""
    value = converted(graph, value)
    for node in graph.node:
        if value not in node.input:
            continue
        if node.op_type == "Reshape":
            return activation(graph, node.output[0])
        return ACTIVATIONS.get(node.op_type, "Identity")
    return "Identity"
