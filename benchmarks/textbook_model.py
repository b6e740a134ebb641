"""Reading, computing and writing as in a tutorial on ONNX Runtime and Pillow.

All alternatives do this work. Only the number of threads differs from a tutorial: ONNX
Runtime makes as many as the machine has cores by default. On the one core that a server
has here, all but one of them spin, and halve the rate. TEXTBOOK_THREADS=0 selects that
default. TEXTBOOK_MODEL is the model's folder.
"""

import base64
import io
import os

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float32]

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = int(os.environ.get("TEXTBOOK_THREADS", "1"))
folder = os.environ.get("TEXTBOOK_MODEL", "models/mnist")
encoder = onnxruntime.InferenceSession(f"{folder}/encoder.onnx", options)
decoder = onnxruntime.InferenceSession(f"{folder}/decoder.onnx", options)
mode = "L" if encoder.get_inputs()[0].shape[1] == 1 else "RGB"


def read_image(text: str) -> Floats:
    content = base64.b64decode(text)
    image = Image.open(io.BytesIO(content)).convert(mode)
    pixels = np.asarray(image, dtype=np.float32) / np.float32(255)
    return pixels[np.newaxis] if mode == "L" else pixels.transpose(2, 0, 1)


def read_images(texts: list[str]) -> Floats:
    return np.stack([read_image(text) for text in texts])


def write_image(pixels: Floats) -> str:
    levels = (pixels * 255).round().astype(np.uint8)
    image = levels[0] if mode == "L" else levels.transpose(1, 2, 0)
    content = io.BytesIO()
    Image.fromarray(image).save(content, format="PNG")
    return base64.b64encode(content.getvalue()).decode()


def encode(texts: list[str]) -> tuple[Floats, Floats]:
    inputs = {"pixels": read_images(texts)}
    means, log_variances = encoder.run(["mean", "log_variance"], inputs)
    return means, log_variances


def decode(latents: Floats) -> list[str]:
    (pixels,) = decoder.run(["pixels"], {"latent": latents})
    return [write_image(image) for image in pixels]


def reconstruct(texts: list[str]) -> list[str]:
    means, _ = encode(texts)
    return decode(means)
