"""Conversion of the PyTorch modules to ONNX graphs."""

import logging
import warnings

import onnx
import torch
from torch import Tensor, nn

from training.artifact.model_card import ModelError
from training.inspection.anomaly_map import AnomalyMap
from training.network.build import Network

EXAMPLE_BATCH = 2  # with a batch of 1, tracing would fix the batch size


def encoder_graph(model: Network) -> onnx.ModelProto:
    """Return the encoder as an ONNX graph."""
    pixels = torch.zeros(EXAMPLE_BATCH, *model.image_shape)
    return to_onnx(model.encoder, {"pixels": pixels}, ["mean", "log_variance"])


def decoder_graph(model: Network) -> onnx.ModelProto:
    """Return the decoder as an ONNX graph."""
    latent = torch.zeros(EXAMPLE_BATCH, model.latent_size)
    return to_onnx(model.decoder, {"latent": latent}, ["pixels"])


def inspector_graph(anomaly_map: AnomalyMap) -> onnx.ModelProto:
    """Return the anomaly map as an ONNX graph."""
    pixels = torch.zeros(EXAMPLE_BATCH, *anomaly_map.image_shape)
    examples = {"pixels": pixels, "reconstruction": pixels.clone()}
    return to_onnx(anomaly_map, examples, ["map"])


def to_onnx(
    module: nn.Module,
    examples: dict[str, Tensor],
    output_names: list[str],
) -> onnx.ModelProto:
    """Trace a module with a dynamic batch axis.

    examples: an input by each name, with a batch of 2 or more.

    Raise ModelError if PyTorch returns no program.
    """
    # The exporter warns that torchvision is missing; nothing here needs it.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # PyTorch's exporter calls a function that PyTorch has deprecated.
        warnings.simplefilter("ignore", FutureWarning)
        # All inputs share the one axis on purpose.
        warnings.filterwarnings("ignore", "# The axis name: batch will not be used")
        program = torch.onnx.export(
            module,
            tuple(examples.values()),
            input_names=list(examples),
            output_names=output_names,
            dynamic_shapes=tuple({0: "batch"} for _ in examples),
            external_data=False,
            verbose=False,
        )
    if program is None:
        raise ModelError("PyTorch gave no ONNX program")
    graph = program.model_proto
    remove_metadata(graph)
    return graph


def remove_metadata(model: onnx.ModelProto) -> None:
    """Remove the exporter's notes: stack traces with paths of the exporting machine."""
    graph = model.graph
    del model.metadata_props[:]
    del graph.metadata_props[:]
    for elements in (graph.node, graph.value_info, graph.initializer):
        for element in elements:
            del element.metadata_props[:]
