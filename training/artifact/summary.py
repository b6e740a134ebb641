"""The architecture as text, as ``python -m training summary`` prints it."""

from training.artifact.architecture import Architecture, DenseLayer

TITLE = " VARIATIONAL AUTOENCODER (VAE) ".center(71, "-")


def summary(layers: Architecture) -> str:
    """Return the total of parameters, then encoder, sampler and decoder by layer."""
    blocks = [TITLE, f"TOTAL PARAMETERS = {layers.parameters}"]
    blocks.append(heading("ENCODER"))
    blocks.extend(numbered(layers.encoder))
    blocks.append(heading("SAMPLER"))
    blocks.append(describe("MEAN Layer", layers.mean))
    blocks.append(describe("LOG_VAR Layer", layers.log_variance))
    blocks.append(heading("DECODER"))
    blocks.extend(numbered(layers.decoder))
    blocks.append("-" * (len(TITLE) - 1))
    return "\n\n".join(blocks)


def heading(text: str) -> str:
    """Return a title in a box."""
    line = "#" * (len(text) + 8)
    return f"{line}\n#   {text}   #\n{line}"


def numbered(layers: list[DenseLayer]) -> list[str]:
    """Return one block for each layer, numbered from 1."""
    return [
        describe(f"{number}. Layer", layer)
        for number, layer in enumerate(layers, start=1)
    ]


def describe(name: str, layer: DenseLayer) -> str:
    """Return one layer's sizes, activation, parameters and shapes."""
    title = f"DENSE {layer.inputs} -> {layer.outputs} [{layer.activation}]"
    line = "-" * (len(title) + 1)
    lines = [
        f"*** {name}: ***",
        line,
        title,
        line,
        f"Total parameters: {layer.parameters}",
        f"---> WEIGHTS: ({layer.outputs}, {layer.inputs})",
        f"---> BIASES: ({layer.outputs},)",
        line,
    ]
    return "\n".join(lines)
