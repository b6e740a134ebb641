"""The architecture as text, as ``python -m training summary`` prints it."""

from training.artifact.architecture import Architecture, Layer, Shape

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


def numbered(layers: list[Layer]) -> list[str]:
    """Return one block for each layer, numbered from 1."""
    return [
        describe(f"{number}. Layer", layer)
        for number, layer in enumerate(layers, start=1)
    ]


def describe(name: str, layer: Layer) -> str:
    """Return one layer's sizes, activation, parameters and shapes."""
    sizes = (
        f"{describe_shape(layer.input_shape)} -> {describe_shape(layer.output_shape)}"
    )
    title = f"{layer.type.upper()} {sizes} [{layer.activation}]"
    line = "-" * (len(title) + 1)
    lines = [
        f"*** {name}: ***",
        line,
        title,
        line,
        f"Total parameters: {layer.parameters}",
        f"---> WEIGHTS: {layer.weights}",
        f"---> BIASES: {layer.biases}",
        line,
    ]
    return "\n".join(lines)


def describe_shape(shape: Shape) -> str:
    """Return a shape as channels x height x width, or as one number."""
    return "x".join(map(str, shape)) or "constant"
