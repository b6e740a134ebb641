"""Reading, computing and writing as a tutorial on ONNX Runtime and Pillow would: the work of every alternative.

But for the threads. A tutorial leaves them alone, and ONNX Runtime makes as many as the machine has cores; on the one
core that a server has here, all but one of them spin, and take half of the rate. TEXTBOOK_THREADS=0 leaves them so.
"""

import base64
import io
import os

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = int(os.environ.get("TEXTBOOK_THREADS", "1"))
encoder = onnxruntime.InferenceSession("models/mnist/encoder.onnx", options)
decoder = onnxruntime.InferenceSession("models/mnist/decoder.onnx", options)


def read_images(texts: list[str]) -> NDArray[np.float32]:
    images = [
        Image.open(io.BytesIO(base64.b64decode(text))).convert("L") for text in texts
    ]
    return np.stack(
        [
            np.asarray(image, dtype=np.float32)[np.newaxis] / np.float32(255)
            for image in images
        ]
    )


def write_image(pixels: NDArray[np.float32]) -> str:
    content = io.BytesIO()
    Image.fromarray((pixels[0] * 255).round().astype(np.uint8)).save(
        content, format="PNG"
    )
    return base64.b64encode(content.getvalue()).decode()


def encode(texts: list[str]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    means, log_variances = encoder.run(
        ["mean", "log_variance"], {"pixels": read_images(texts)}
    )
    return means, log_variances


def decode(latents: NDArray[np.float32]) -> list[str]:
    (pixels,) = decoder.run(["pixels"], {"latent": latents})
    return [write_image(image) for image in pixels]


def reconstruct(texts: list[str]) -> list[str]:
    means, _ = encode(texts)
    return decode(means)
