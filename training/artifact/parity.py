"""Comparison of the exported graphs with PyTorch."""

import numpy as np
import onnx
import torch
from rich.progress import track
from torch import Tensor

from training.artifact.exported_model import Floats, open_session
from training.inspection.anomaly_map import AnomalyMap
from training.network.build import Network

BATCH_SIZES = (1, 2, 7, 64, 1000)


def max_difference(
    model: Network,
    encoder: onnx.ModelProto,
    decoder: onnx.ModelProto,
    pixels: Tensor,
) -> float:
    """Return the largest difference of any output between ONNX and PyTorch.

    Differences of values above 1 are relative to the value: float32 has a relative
    precision.

    All ``pixels`` (count, channels, height, width) are compared in batches of each
    size in ``BATCH_SIZES``.
    """
    encoder_session = open_session(encoder.SerializeToString())
    decoder_session = open_session(decoder.SerializeToString())

    def batch_difference(batch: Tensor) -> float:
        mean, log_variance = model.encoder(batch)
        expected = [mean, log_variance, model.decoder(mean)]
        encoder_input = {"pixels": batch.numpy()}
        decoder_input = {"latent": mean.numpy()}
        actual = encoder_session.run(["mean", "log_variance"], encoder_input)
        actual += decoder_session.run(["pixels"], decoder_input)
        pairs = zip(expected, actual, strict=True)
        return max_or_nan([scaled_difference(*pair) for pair in pairs])

    with torch.inference_mode():
        batches = []
        for size in BATCH_SIZES:
            batches.extend(pixels.split(size))
        progress = track(batches, description="comparing with PyTorch")
        differences = [batch_difference(batch) for batch in progress]
    return max_or_nan(differences)


def map_difference(
    anomaly_map: AnomalyMap,
    graph: onnx.ModelProto,
    pixels: Tensor,
    reconstruction: Tensor,
) -> float:
    """Return the largest difference of anomaly maps between ONNX and PyTorch.

    Differences of values above 1 are relative to the value.
    """
    session = open_session(graph.SerializeToString())
    inputs = {"pixels": pixels.numpy(), "reconstruction": reconstruction.numpy()}
    (actual,) = session.run(["map"], inputs)
    with torch.inference_mode():
        expected = anomaly_map(pixels, reconstruction)
    return scaled_difference(expected, actual)


def scaled_difference(expected: Tensor, actual: Floats) -> float:
    """Return the largest difference of two arrays of one shape.

    It is relative where the expected value is above 1.
    """
    values = expected.numpy()
    difference = np.abs(values - actual)
    scale = np.abs(values).clip(min=1)
    return float((difference / scale).max())


def max_or_nan(values: list[float]) -> float:
    """Return the largest value, or NaN if any is NaN; Python's ``max`` may skip it."""
    return float(np.max(values))
