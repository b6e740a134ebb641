"""Conversion of the PyTorch modules to ONNX graphs."""

import logging
import warnings

import onnx
import torch
from torch import Tensor, nn

from training.artifact.model_card import ModelError
from training.network.build import Network

EXAMPLE_BATCH = 2  # with a batch of 1, tracing would fix the batch size


def encoder_graph(model: Network) -> onnx.ModelProto:
    """Return the encoder as an ONNX graph."""
    pixels = torch.zeros(EXAMPLE_BATCH, *model.image_shape)
    return to_onnx(model.encoder, pixels, "pixels", ["mean", "log_variance"])


def decoder_graph(model: Network) -> onnx.ModelProto:
    """Return the decoder as an ONNX graph."""
    latent = torch.zeros(EXAMPLE_BATCH, model.latent_size)
    return to_onnx(model.decoder, latent, "latent", ["pixels"])


def to_onnx(
    module: nn.Module,
    example: Tensor,
    input_name: str,
    output_names: list[str],
) -> onnx.ModelProto:
    """Trace a module with a dynamic batch axis.

    The example must have a batch of 2 or more. Raise ModelError if PyTorch returns no
    program.
    """
    # The exporter warns that torchvision is missing; nothing here needs it.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # PyTorch's exporter calls a function that PyTorch has deprecated.
        warnings.simplefilter("ignore", FutureWarning)
        program = torch.onnx.export(
            module,
            (example,),
            input_names=[input_name],
            output_names=output_names,
            dynamic_shapes=({0: "batch"},),
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
