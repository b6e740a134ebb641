"""The dense layers of a model, read from its ONNX graphs."""

from dataclasses import dataclass
from typing import Any

import onnx

ACTIVATIONS = {"Relu": "ReLU", "Sigmoid": "Sigmoid"}


@dataclass(frozen=True, slots=True)
class DenseLayer:
    """A fully connected layer, followed by its activation.

    The weights have shape (outputs, inputs), the biases (outputs,).
    """

    inputs: int
    outputs: int
    activation: str

    @property
    def parameters(self) -> int:
        """Number of weights and biases."""
        return self.outputs * self.inputs + self.outputs

    @property
    def multiply_adds(self) -> int:
        """Multiplications with additions for one input."""
        return self.outputs * self.inputs

    def to_card(self) -> dict[str, Any]:
        """Return the layer's entry in the model card."""
        return {
            "type": "dense",
            "output_shape": [self.outputs],
            "activation": self.activation,
            "parameters": self.parameters,
        }


@dataclass(frozen=True, slots=True)
class Architecture:
    """The dense layers of encoder, sampler and decoder, in forward order."""

    encoder: list[DenseLayer]
    mean: DenseLayer
    log_variance: DenseLayer
    decoder: list[DenseLayer]

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
    """Return the dense layers of both graphs: each Gemm and its activation."""
    encoder_layers = dense_layers(encoder.graph)
    mean = encoder_layers.pop("mean")
    log_variance = encoder_layers.pop("log_variance")
    decoder_layers = dense_layers(decoder.graph)
    return Architecture(
        encoder=list(encoder_layers.values()),
        mean=mean,
        log_variance=log_variance,
        decoder=list(decoder_layers.values()),
    )


def dense_layers(graph: onnx.GraphProto) -> dict[str, DenseLayer]:
    """Return the dense layers by the name of the value before the activation."""
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    layers = {}
    for node in graph.node:
        if node.op_type != "Gemm":
            continue
        value = node.output[0]
        outputs, inputs = shapes[node.input[1]]
        function = activation(graph, value)
        layers[value] = DenseLayer(inputs, outputs, function)
    return layers


def activation(graph: onnx.GraphProto, value: str) -> str:
    """Return the name of the function applied to a value, past any reshaping."""
    for node in graph.node:
        if value not in node.input:
            continue
        if node.op_type == "Reshape":
            return activation(graph, node.output[0])
        return ACTIVATIONS.get(node.op_type, "Identity")
    return "Identity"
