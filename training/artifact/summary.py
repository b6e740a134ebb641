"""The architecture in words, as the demo prints it."""

from training.artifact.exported_model import Architecture, DenseLayer

TITLE = " VARIATIONAL AUTOENCODER (VAE) ".center(71, "-")


def summary(layers: Architecture) -> str:
    """Total parameters, then encoder, sampler and decoder, layer by layer."""
    blocks = [
        TITLE,
        f"TOTAL PARAMETERS = {layers.parameters}",
        heading("ENCODER"),
        *numbered(layers.encoder),
        heading("SAMPLER"),
        describe("MEAN Layer", layers.mean),
        describe("LOG_VAR Layer", layers.log_variance),
        heading("DECODER"),
        *numbered(layers.decoder),
        "-" * (len(TITLE) - 1),
    ]
    return "\n\n".join(blocks)


def heading(text: str) -> str:
    """A title in a box."""
    line = "#" * (len(text) + 8)
    return f"{line}\n#   {text}   #\n{line}"


def numbered(layers: list[DenseLayer]) -> list[str]:
    """One block a layer, counted from 1."""
    return [
        describe(f"{number}. Layer", layer)
        for number, layer in enumerate(layers, start=1)
    ]


def describe(name: str, layer: DenseLayer) -> str:
    """One layer: sizes, activation, parameters and shapes."""
    title = f"DENSE {layer.inputs} -> {layer.outputs} [{layer.activation}]"
    line = "-" * (len(title) + 1)
    return "\n".join(
        [
            f"*** {name}: ***",
            line,
            title,
            line,
            f"Total parameters: {layer.parameters}",
            f"---> WEIGHTS: ({layer.outputs}, {layer.inputs})",
            f"---> BIASES: ({layer.outputs},)",
            line,
        ]
    )
