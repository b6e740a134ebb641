"""The model card, model.json: what training says of the model. Its format is the contract between the packages."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

PositiveInt = Annotated[int, Field(ge=1)]


class Part(BaseModel):
    """A part of the card."""

    model_config = ConfigDict(frozen=True, extra="allow")


class DenseLayer(Part):
    """A fully connected layer and its activation."""

    inputs: PositiveInt = Field(description="Values in.")
    outputs: PositiveInt = Field(description="Values out.")
    activation: str = Field(
        description="Function applied to the layer's output.", examples=["ReLU"]
    )
    parameters: PositiveInt = Field(description="Number of weights and biases.")


class Sampler(Part):
    """The two layers that give the posterior's mean and log-variance."""

    mean: DenseLayer
    log_variance: DenseLayer


class Architecture(Part):
    """The layers in the order in which data passes them."""

    encoder: list[DenseLayer] = Field(description="From pixels.")
    sampler: Sampler = Field(
        description="To the posterior, from which latents are drawn."
    )
    decoder: list[DenseLayer] = Field(description="From a latent to pixels.")


class Objective(Part):
    """What training minimised, in nats per image."""

    name: str = Field(
        description="squared-error: C * |x - y|^2 + KL divergence; bernoulli: binary cross-entropy + KL divergence; "
        "importance-weighted: -log mean of p(x|z) p(z) / q(z|x) over several z, its p(x|z) by binary cross-entropy."
    )
    c: float | None = Field(description="The C of squared-error.")


class Data(Part):
    """What the model was trained on."""

    name: str = Field(description="The data set's name.")
    training_images: PositiveInt = Field(description="Images the model was fitted to.")
    sha256: dict[str, str] = Field(
        description="SHA-256 of each file's uncompressed content."
    )


class Quality(Part):
    """Measured on images the model was not fitted to; means over images."""

    split: str = Field(
        "test", description="test: the test set; held-out: a part of the training set."
    )
    test_images: PositiveInt = Field(description="Images measured on.")
    squared_error_per_pixel: float = Field(
        description="Reconstruction from the posterior mean, pixels in [0, 1]."
    )
    kl_divergence: float = Field(
        description="KL(q(z|x) || N(0, I)), in nats per image."
    )
    negative_elbo: float = Field(
        description="Reconstruction loss of one posterior sample + KL divergence, in nats per image."
    )
    active_units: int = Field(
        description="Latent dimensions whose mean varies over images by more than 0.01."
    )


class CardFile(Part):
    """A file beside the card."""

    file: str = Field(
        pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]*$",
        description="File name in the model's folder.",
    )
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the file.")


class Graphs(Part):
    """Both ONNX files."""

    encoder: CardFile
    decoder: CardFile


class ModelCard(Part):
    """What the model is, how it was trained and how good it is."""

    format_version: Literal[1] = Field(description="Version of this card's format.")
    name: str = Field(description="The model's name.")
    image_shape: tuple[Literal[1], PositiveInt, PositiveInt] = Field(
        description="Channels, height and width."
    )
    latent_size: PositiveInt = Field(description="Length of a latent.")
    parameters: PositiveInt = Field(description="Number of weights and biases.")
    architecture: Architecture
    objective: Objective
    training: dict[str, int | float | bool | str | None] = Field(
        description="Hyperparameters and seed."
    )
    data: Data
    quality: Quality | None = Field(
        description="null where the model was not measured."
    )
    graphs: Graphs
    statistics: CardFile | None = Field(
        None, description="Where the classes lie in latent space; null: not told."
    )
    examples: list[str] = Field(
        min_length=2, description="Images of the data, base64 PNG."
    )
