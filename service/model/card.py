"""The model card, model.json: the contract between training and the service."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

PositiveInt = Annotated[int, Field(ge=1)]


class Part(BaseModel):
    """Base of the card and its parts: immutable, with any further fields."""

    model_config = ConfigDict(frozen=True, extra="allow")


class DenseLayer(Part):
    """A fully connected layer and its activation."""

    inputs: PositiveInt = Field(description="Number of input values.")
    outputs: PositiveInt = Field(description="Number of output values.")
    activation: str = Field(
        description="Function applied to the layer's output.",
        examples=["ReLU"],
    )
    parameters: PositiveInt = Field(description="Number of weights and biases.")


class Sampler(Part):
    """The two layers that compute the posterior's mean and log-variance."""

    mean: DenseLayer
    log_variance: DenseLayer


class Architecture(Part):
    """The layers in the order in which data passes through them."""

    encoder: list[DenseLayer] = Field(description="From pixels.")
    sampler: Sampler = Field(
        description="To the posterior, from which latents are drawn."
    )
    decoder: list[DenseLayer] = Field(description="From a latent to pixels.")


class Objective(Part):
    """The loss that training minimized, in nats per image."""

    name: str = Field(
        description="squared-error: C * |x - y|^2 + KL divergence; "
        "bernoulli: binary cross-entropy + KL divergence; "
        "importance-weighted: -log mean of p(x|z) p(z) / q(z|x) over several z, "
        "with p(x|z) by binary cross-entropy."
    )
    c: float | None = Field(
        description="The C of squared-error; null for the other objectives."
    )


class Data(Part):
    """The data set that the model was trained on."""

    name: str = Field(description="The data set's name.")
    training_images: PositiveInt = Field(
        description="Number of images the model was fitted to."
    )
    sha256: dict[str, str] = Field(
        description="SHA-256 of each file's uncompressed content."
    )


class Quality(Part):
    """Measurements on images the model was not fitted to; means over images."""

    split: str = Field(
        "test",
        description="test: the test set; held-out: a part of the training set.",
    )
    test_images: PositiveInt = Field(description="Number of images measured.")
    squared_error_per_pixel: float = Field(
        description="Reconstruction from the posterior mean, pixels in [0, 1]."
    )
    kl_divergence: float = Field(
        description="KL(q(z|x) || N(0, I)), in nats per image."
    )
    negative_elbo: float = Field(
        description="Reconstruction loss of one posterior sample + KL divergence, "
        "in nats per image."
    )
    active_units: int = Field(
        description="Number of latent dimensions whose mean has a variance over images "
        "of more than 0.01."
    )


class CardFile(Part):
    """A file in the model's folder."""

    file: str = Field(
        pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]*$",
        description="File name in the model's folder.",
    )
    sha256: str = Field(
        pattern=r"^[0-9a-f]{64}$",
        description="SHA-256 of the file.",
    )


class Graphs(Part):
    """Both ONNX files."""

    encoder: CardFile
    decoder: CardFile


class ModelCard(Part):
    """Description of the model: its files, training data, recipe and quality."""

    format_version: Literal[1] = Field(description="Version of this card's format.")
    name: str = Field(description="The model's name.")
    image_shape: tuple[Literal[1], PositiveInt, PositiveInt] = Field(
        description="Channels, height and width."
    )
    latent_size: PositiveInt = Field(description="Number of values in a latent.")
    parameters: PositiveInt = Field(description="Number of weights and biases.")
    architecture: Architecture
    objective: Objective
    training: dict[str, int | float | bool | str | None] = Field(
        description="Hyperparameters and seed."
    )
    data: Data
    quality: Quality | None = Field(
        description="Measured quality; null where it was not measured."
    )
    graphs: Graphs
    statistics: CardFile | None = Field(
        None,
        description="The classes' distributions in latent space; "
        "null where they are not known.",
    )
    examples: list[str] = Field(
        min_length=2,
        description="Images of the data, base64 PNG.",
    )
