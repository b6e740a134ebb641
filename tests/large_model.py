"""A convolutional model of 128 x 128 colour images with random weights.

It has the size and the speed of a model of one's own images: 1.8 million parameters,
and about 1 ms for an image, where a digit takes 0.01 ms.
"""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper
from PIL import Image

from tests.color_model import card_of, color_png, value_of, write

CHANNELS, SIZE = 3, 128
WIDTHS = (16, 32, 64, 64, 256)  # channels after each convolution of stride 2
DENSE, LATENT_SIZE = 128, 64
KERNEL, STRIDE, PADDING = 4, 2, 1
CORNER = SIZE // STRIDE ** len(WIDTHS)  # height and width after all of them
FLAT = WIDTHS[-1] * CORNER**2
IMAGE = ["batch", CHANNELS, SIZE, SIZE]
LATENT = ["batch", LATENT_SIZE]


def write_large_model(folder: Path) -> None:
    """Write the model's files to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    graphs = {
        name: write(folder, f"{name}.onnx", model.SerializeToString())
        for name, model in (("encoder", encoder()), ("decoder", decoder()))
    }
    card = card_of(graphs, graphs["encoder"])
    card |= {
        "name": "large",
        "title": "Noise",
        "image": {
            "channels": CHANNELS,
            "height": SIZE,
            "width": SIZE,
            "color": "sRGB",
        },
        "latent_size": LATENT_SIZE,
        "labels": [],
        "statistics": None,
        "examples": [color_png(photo(seed)) for seed in range(2)],
    }
    (folder / "model.json").write_text(json.dumps(card))


def photo(seed: int, size: int = SIZE) -> Image.Image:
    """Return a smooth picture with some noise, which compresses as photographs do."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (8, 8, CHANNELS), dtype=np.uint8)
    smooth = Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC)
    noise = random.normal(0, 2, (size, size, CHANNELS))
    levels = np.asarray(smooth, dtype=np.float32) + noise
    return Image.fromarray(levels.clip(0, 255).astype(np.uint8))


class Network:
    """A chain of layers with random weights."""

    def __init__(self, name: str) -> None:
        self.output = name  # of the last layer
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._random = np.random.default_rng(len(name))

    def dense(self, inputs: int, outputs: int, name: str = "") -> str:
        """Add a fully connected layer; with a name, it does not become the last one."""
        layer = name or f"dense{len(self._nodes)}"
        weights = self._weights(f"{layer}.weight", (inputs, outputs), inputs)
        self._nodes.append(helper.make_node("Gemm", [self.output, weights], [layer]))
        if not name:
            self.output = layer
        return layer

    def convolution(self, kind: str, shape: tuple[int, ...], fan_in: int) -> None:
        """Add a convolution, "Conv" or "ConvTranspose", of stride 2."""
        layer = f"convolution{len(self._nodes)}"
        weights = self._weights(f"{layer}.weight", shape, fan_in)
        node = helper.make_node(
            kind,
            [self.output, weights],
            [layer],
            kernel_shape=[KERNEL] * 2,
            strides=[STRIDE] * 2,
            pads=[PADDING] * 4,
        )
        self._nodes.append(node)
        self.output = layer

    def apply(self, function: str, *constants: str, name: str = "") -> None:
        """Add a function of the last layer's output and of constants."""
        layer = name or f"function{len(self._nodes)}"
        inputs = [self.output, *constants]
        self._nodes.append(helper.make_node(function, inputs, [layer]))
        self.output = layer

    def constant(self, name: str, value: list[int]) -> str:
        """Add a constant and return its name."""
        self._constants.append(numpy_helper.from_array(np.array(value), name))
        return name

    def model(
        self, inputs: dict[str, list[object]], outputs: dict[str, list[object]]
    ) -> onnx.ModelProto:
        """Return the graph of these inputs and outputs."""
        graph = helper.make_graph(
            self._nodes,
            "large",
            [value_of(name, shape) for name, shape in inputs.items()],
            [value_of(name, shape) for name, shape in outputs.items()],
            self._constants,
        )
        opset = helper.make_opsetid("", 17)
        return helper.make_model(graph, opset_imports=[opset], ir_version=9)

    def _weights(self, name: str, shape: tuple[int, ...], fan_in: int) -> str:
        scale = np.sqrt(2 / fan_in)
        values = scale * self._random.standard_normal(shape)
        tensor = numpy_helper.from_array(values.astype(np.float32), name)
        self._constants.append(tensor)
        return name


def encoder() -> onnx.ModelProto:
    """Return pixels -> mean, log_variance."""
    network = Network("pixels")
    channels = CHANNELS
    for width in WIDTHS:
        shape = (width, channels, KERNEL, KERNEL)
        network.convolution("Conv", shape, channels * KERNEL**2)
        network.apply("Relu")
        channels = width
    network.apply("Flatten")
    network.dense(FLAT, DENSE)
    network.apply("Relu")
    outputs = ("mean", "log_variance")
    for name in outputs:
        network.dense(DENSE, LATENT_SIZE, name)
    return network.model({"pixels": IMAGE}, dict.fromkeys(outputs, LATENT))


def decoder() -> onnx.ModelProto:
    """Return latent -> pixels in (0, 1)."""
    network = Network("latent")
    network.dense(LATENT_SIZE, DENSE)
    network.apply("Relu")
    network.dense(DENSE, FLAT)
    network.apply("Relu")
    shape = network.constant("shape", [-1, WIDTHS[-1], CORNER, CORNER])
    network.apply("Reshape", shape)
    channels = WIDTHS[-1]
    for width in (*reversed(WIDTHS[:-1]), CHANNELS):
        network.convolution(
            "ConvTranspose", (channels, width, KERNEL, KERNEL), channels * STRIDE**2
        )
        if width != CHANNELS:
            network.apply("Relu")
        channels = width
    network.apply("Sigmoid", name="pixels")
    return network.model({"latent": LATENT}, {"pixels": IMAGE})
