"""A tiny model in color with classes by name, whose results are known.

The encoder averages the four quarters of an image, and the decoder fills each quarter
with one color, so that a reconstruction has four flat colors. The latent has a number
for the level of each channel in each quarter: -2 is 0 and 2 is 1. The anomaly map is
the squared error of each pixel, summed over the channels.
"""

import base64
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper
from PIL import Image

CHANNELS, HEIGHT, WIDTH = 3, 20, 24
QUARTER = [HEIGHT // 2, WIDTH // 2]
LATENT_SIZE = 4 * CHANNELS
LABELS = {
    "red": (255, 0, 0),
    "deep blue": (0, 0, 200),
    "Grün": (0, 220, 40),
    "7": (255, 220, 0),
}
BACKGROUND = (250, 250, 250)
# Maxima of 99 anomaly maps: 0.01 to 0.99.
DECILES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]  # of the brightness
CALIBRATION_SCORES = np.arange(1, 100, dtype=np.float64) / 100
OPSET = helper.make_opsetid("", 17)
LAYER: dict[str, Any] = {
    "type": "pool",
    "output_shape": [CHANNELS, 2, 2],
    "activation": "Identity",
    "parameters": 0,
}


def write_color_model(folder: Path) -> None:
    """Write the model's files to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = {
        name: write(folder, f"{name}.onnx", model.SerializeToString())
        for name, model in (
            ("encoder", encoder()),
            ("decoder", decoder()),
            ("inspector", inspector()),
        )
    }
    statistics = write(folder, "statistics.npz", statistics_bytes())
    card = card_of(entries, statistics)
    (folder / "model.json").write_text(json.dumps(card))


def write(folder: Path, name: str, content: bytes) -> dict[str, str]:
    """Write a file and return its entry in the card."""
    (folder / name).write_bytes(content)
    return {"file": name, "sha256": hashlib.sha256(content).hexdigest()}


def encoder() -> onnx.ModelProto:
    """Return pixels -> mean = 4 * average - 2, log_variance = mean - 4."""
    nodes = [
        helper.make_node(
            "AveragePool",
            ["pixels"],
            ["averages"],
            kernel_shape=QUARTER,
            strides=QUARTER,
        ),
        helper.make_node("Flatten", ["averages"], ["flat"]),
        helper.make_node("Mul", ["flat", "four"], ["scaled"]),
        helper.make_node("Sub", ["scaled", "two"], ["mean"]),
        helper.make_node("Sub", ["mean", "four"], ["log_variance"]),
    ]
    latent = ["batch", LATENT_SIZE]
    return model_of(
        nodes,
        {"pixels": ["batch", CHANNELS, HEIGHT, WIDTH]},
        {"mean": latent, "log_variance": latent},
        {"four": np.float32(4), "two": np.float32(2)},
    )


def inspector() -> onnx.ModelProto:
    """Return pixels, reconstruction -> map = sum of squared differences."""
    nodes = [
        helper.make_node("Sub", ["pixels", "reconstruction"], ["residual"]),
        helper.make_node("Mul", ["residual", "residual"], ["squares"]),
        helper.make_node("ReduceSum", ["squares", "axis"], ["map"], keepdims=0),
    ]
    image = ["batch", CHANNELS, HEIGHT, WIDTH]
    return model_of(
        nodes,
        {"pixels": image, "reconstruction": image},
        {"map": ["batch", HEIGHT, WIDTH]},
        {"axis": np.array([1])},
    )


def decoder() -> onnx.ModelProto:
    """Return latent -> (latent + 2) / 4, clipped to [0, 1], in each quarter."""
    nodes = [
        helper.make_node("Add", ["latent", "two"], ["moved"]),
        helper.make_node("Div", ["moved", "four"], ["levels"]),
        helper.make_node("Clip", ["levels", "zero", "one"], ["clipped"]),
        helper.make_node("Reshape", ["clipped", "shape"], ["quarters"]),
        helper.make_node(
            "ConvTranspose",
            ["quarters", "fill"],
            ["pixels"],
            group=CHANNELS,
            strides=QUARTER,
        ),
    ]
    constants = {
        "zero": np.float32(0),
        "one": np.float32(1),
        "two": np.float32(2),
        "four": np.float32(4),
        "shape": np.array([-1, CHANNELS, 2, 2]),
        "fill": np.ones((CHANNELS, 1, *QUARTER), np.float32),
    }
    return model_of(
        nodes,
        {"latent": ["batch", LATENT_SIZE]},
        {"pixels": ["batch", CHANNELS, HEIGHT, WIDTH]},
        constants,
    )


def model_of(
    nodes: list[onnx.NodeProto],
    inputs: dict[str, list[Any]],
    outputs: dict[str, list[Any]],
    constants: dict[str, Any],
) -> onnx.ModelProto:
    """Return a graph of float32 inputs and outputs, given by their shapes."""
    graph = helper.make_graph(
        nodes,
        "color",
        [value_of(name, shape) for name, shape in inputs.items()],
        [value_of(name, shape) for name, shape in outputs.items()],
        [
            onnx.numpy_helper.from_array(np.asarray(value), name)
            for name, value in constants.items()
        ],
    )
    model = helper.make_model(graph, opset_imports=[OPSET])
    model.ir_version = 9
    onnx.checker.check_model(model, full_check=True)
    return model


def value_of(name: str, shape: list[Any]) -> onnx.ValueInfoProto:
    """Return an input or output."""
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def latent_of(color: tuple[int, int, int]) -> NDArray[np.float32]:
    """Return the latent, (latent,), of an image of one color."""
    levels = np.array(color, np.float32) / np.float32(255)
    return (4 * levels - 2).repeat(4)


def statistics_bytes() -> bytes:
    """Return statistics of one narrow Gaussian for each label."""
    count = len(LABELS)
    means = np.array([latent_of(color) for color in LABELS.values()])
    deviations = np.eye(LATENT_SIZE, dtype=np.float32) / 10
    content = io.BytesIO()
    np.savez(
        content,
        weights=np.full(count, 1 / count, np.float32),
        classes=np.arange(count),
        means=means,
        cholesky=np.tile(deviations, (count, 1, 1)),
        inspection_scores=CALIBRATION_SCORES[np.newaxis],
        class_temperature=np.array(1, np.float32),
    )
    return content.getvalue()


def color_image(color: tuple[int, int, int]) -> Image.Image:
    """Return an image of the model's size and one color."""
    return Image.new("RGB", (WIDTH, HEIGHT), color)


def color_png(image: Image.Image) -> str:
    """Return an image as a base64 PNG."""
    content = io.BytesIO()
    image.save(content, format="PNG")
    return base64.b64encode(content.getvalue()).decode()


def card_of(graphs: dict[str, Any], statistics: dict[str, str]) -> dict[str, Any]:
    """Return the model card."""
    return {
        "format_version": 2,
        "name": "colors",
        "title": "Flat colors",
        "version": "1",
        "licence": None,
        "image": {
            "channels": CHANNELS,
            "height": HEIGHT,
            "width": WIDTH,
            "color": "sRGB",
        },
        "fit": {
            "method": "pad",
            "background": list(BACKGROUND),
            "resampling": "lanczos",
        },
        "latent_size": LATENT_SIZE,
        "labels": [{"name": name, "images": 25} for name in LABELS],
        "parameters": 1,
        "layers": {
            "encoder": [LAYER],
            "sampler": {"mean": LAYER, "log_variance": LAYER},
            "decoder": [LAYER],
        },
        "objective": {"name": "gaussian", "c": None, "variance": 0.01},
        "training": {"seed": 0},
        "data": {
            "name": "colors",
            "source": None,
            "images": {"train": 100, "calibration": 10, "test": 10},
            "sha256": {"list of files": "0" * 64},
            "licence": None,
            "skipped": ["broken.png"],
        },
        "quality": None,
        "cost": None,
        "graphs": graphs,
        "statistics": statistics,
        "inspection": {
            "parts": ["map"],
            "weights": [1.0],
            "images": len(CALIBRATION_SCORES),
            "false_alarm_rate": 0.01,
            "threshold": 0.99,
            "brightness_deciles": DECILES,
        },
        "examples": [color_png(color_image(color)) for color in LABELS.values()],
    }
