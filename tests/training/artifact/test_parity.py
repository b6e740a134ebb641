"""The comparison with PyTorch finds a difference of any output."""

import math
from pathlib import Path

import torch

from training.artifact.onnx_graphs import decoder_graph, encoder_graph
from training.artifact.parity import max_difference, max_or_nan
from training.data.images import LabelledImages
from training.fitting.checkpoint import trained_model
from training.network.mlp import VAE


def test_a_changed_weight_is_found(
    checkpoint: Path, test_digits: LabelledImages
) -> None:
    """A single changed bias exceeds the difference of unchanged graphs."""
    model, _ = trained_model(checkpoint)
    assert isinstance(model, VAE)
    encoder, decoder = encoder_graph(model), decoder_graph(model)
    pixels = test_digits.pixels()[:10]
    assert max_difference(model, encoder, decoder, pixels) < 1e-5

    with torch.no_grad():
        model.decoder.output.bias[0] += 0.1
    assert max_difference(model, encoder, decoder, pixels) > 1e-3


def test_nan_is_the_maximum_at_any_place() -> None:
    """An output that is NaN is never hidden by a small difference."""
    for values in ([float("nan"), 1.0], [1.0, float("nan")]):
        assert math.isnan(max_or_nan(values))
