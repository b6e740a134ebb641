"""The model card, model.json: the contract between training and the service."""

from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

FitMethod = Literal["ink", "stretch", "pad", "crop"]
Resampling = Literal["hamming", "lanczos"]
ObjectiveName = Literal["squared-error", "gaussian", "bernoulli", "importance-weighted"]
InspectionPart = Literal["map", "latent", "likelihood"]
Level = Annotated[int, Field(ge=0, le=255)]
Brightness = Annotated[float, Field(ge=0, le=1)]
Deciles = Annotated[list[Brightness], Field(min_length=9, max_length=9)]


class Part(BaseModel):
    """Base of the card and its parts: immutable, with any further fields."""

    model_config = ConfigDict(frozen=True, extra="allow")


class ImageDescription(Part):
    """Size and colour of the model's images."""

    channels: Literal[1, 3] = Field(description="1: grey; 3: red, green and blue.")
    height: PositiveInt = Field(description="Rows of pixels.")
    width: PositiveInt = Field(description="Pixels in a row.")
    color: Literal["grey", "sRGB"] = Field(description="Color space.")

    @model_validator(mode="after")
    def check_color(self) -> Self:
        """Reject a color space of another number of channels."""
        if (self.channels == 1) != (self.color == "grey"):
            raise ValueError(f"{self.channels} channels are not {self.color}")
        return self


class ImageFit(Part):
    """Conversion of an image of any size and color to the model's.

    pad, crop and stretch: transparent parts show ``background``, and pad fills the
    margins with it.
    """

    method: FitMethod = Field(
        description="ink: as in MNIST, ink is separated from paper, cropped, "
        "scaled and centered by mass; stretch: scaled to the size; pad: scaled to fit "
        "inside; crop: the central part of the model's aspect ratio, scaled."
    )
    background: list[Level] | None = Field(
        description="Level of each channel, 0 to 255; null: black."
    )
    resampling: Resampling = Field(description="Filter that scales images.")


class CardLabel(Part):
    """A class of the data."""

    name: str = Field(min_length=1, max_length=100, description="Name of the class.")
    images: NonNegativeInt = Field(
        description="Number of images of the class that the model was fitted to."
    )


class Layer(Part):
    """A layer of the network and its activation."""

    type: str = Field(description="Kind of layer.", examples=["dense"])
    output_shape: list[PositiveInt] = Field(
        description="Shape of the output for one image."
    )
    activation: str = Field(
        description="Function applied to the layer's output.",
        examples=["ReLU"],
    )
    parameters: NonNegativeInt = Field(description="Number of weights and biases.")


class Sampler(Part):
    """The two layers that compute the posterior's mean and log-variance."""

    mean: Layer
    log_variance: Layer


class Layers(Part):
    """The layers in the order in which data passes through them."""

    encoder: list[Layer] = Field(description="From pixels.")
    sampler: Sampler = Field(
        description="To the posterior, from which latents are drawn."
    )
    decoder: list[Layer] = Field(description="From a latent to pixels.")


class Objective(Part):
    """The loss that training minimized, in nats per image."""

    name: ObjectiveName = Field(
        description="squared-error: C * |x - y|^2 + KL divergence; "
        "gaussian: -log p(x|z) of a Gaussian of one variance + KL divergence; "
        "bernoulli: binary cross-entropy + KL divergence; "
        "importance-weighted: -log mean of p(x|z) p(z) / q(z|x) over several z, "
        "with p(x|z) by binary cross-entropy."
    )
    c: PositiveFloat | None = Field(
        description="The C of squared-error; null for the other objectives."
    )
    variance: PositiveFloat | None = Field(
        None, description="The variance of gaussian, learned in training."
    )

    @model_validator(mode="after")
    def check_constants(self) -> Self:
        """Reject an objective without its constant."""
        if self.name == "squared-error" and self.c is None:
            raise ValueError("squared-error needs c")
        if self.name == "gaussian" and self.variance is None:
            raise ValueError("gaussian needs variance")
        return self


class ImageCounts(Part):
    """Number of images in each part of the data."""

    train: PositiveInt = Field(description="Images the model was fitted to.")
    calibration: NonNegativeInt = Field(
        description="Images that inspections are calibrated on."
    )
    test: NonNegativeInt = Field(description="Images kept for measurements.")


class Data(Part):
    """The data set that the model was trained on."""

    name: str = Field(description="The data set's name.")
    source: str | None = Field(None, description="Origin of the data.")
    images: ImageCounts
    sha256: dict[str, str] = Field(
        description="SHA-256 of each file's uncompressed content, or of the list of "
        "files."
    )
    licence: str | None = Field(None, description="Licence of the data; null: unknown.")
    skipped: list[str] = Field(
        default_factory=list, description="Files that were left out."
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


class MultiplyAdds(Part):
    """Multiplications with additions that each graph computes for one image."""

    encoder: PositiveInt = Field(description="Of the encoder.")
    decoder: PositiveInt = Field(description="Of the decoder.")


class Cost(Part):
    """Work of one image."""

    multiply_adds: MultiplyAdds
    milliseconds_per_image: PositiveFloat | None = Field(
        None,
        description="Time of encoder and decoder for one image in a batch, on one "
        "thread of the machine that measured; null where not measured.",
    )


class Inspection(Part):
    """Calibration of inspections, on images without defects that training did not use."""

    parts: list[InspectionPart] = Field(
        min_length=1,
        description="Scores that are joined. map: the anomaly map's largest value; "
        "latent: minus the log-density of the latent; likelihood: reconstruction loss "
        "minus that log-density.",
    )
    weights: list[Annotated[float, Field(gt=0, le=1)]] = Field(
        description="Weight of each part: of several, the score of an image is the "
        "largest of -log(tail probability / weight)."
    )
    images: PositiveInt = Field(description="Number of calibration images.")
    false_alarm_rate: float = Field(
        gt=0, lt=1, description="Rate of requests that do not give one."
    )
    threshold: float = Field(description="Score of that rate.")
    brightness_deciles: Deciles | None = Field(
        None,
        description="Deciles of the calibration images' mean brightness, ascending; null "
        "where images differ in brightness for other reasons than the light.",
    )

    @model_validator(mode="after")
    def check_parts(self) -> Self:
        """Reject parts that are not distinct, or without map or a weight each."""
        if "map" not in self.parts or len(set(self.parts)) < len(self.parts):
            raise ValueError("parts must be distinct, and map one of them")
        if len(self.weights) != len(self.parts):
            raise ValueError("weights must be as many as parts")
        return self

    @field_validator("brightness_deciles")
    @classmethod
    def check_order(cls, deciles: list[float] | None) -> list[float] | None:
        """Reject deciles that do not ascend."""
        if deciles and deciles != sorted(deciles):
            raise ValueError("must ascend")
        return deciles


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
    """ONNX files."""

    encoder: CardFile
    decoder: CardFile
    inspector: CardFile | None = Field(
        None, description="Anomaly maps of images; null: the model cannot inspect."
    )


class ModelCard(Part):
    """Description of the model: its files, training data, recipe and quality."""

    format_version: Literal[2] = Field(description="Version of this card's format.")
    name: str = Field(description="The model's name.")
    title: str = Field(description="The kind of images, for people.")
    version: str = Field(description="Version of the model.")
    licence: str | None = Field(description="Licence of the model; null: not given.")
    image: ImageDescription
    fit: ImageFit
    latent_size: PositiveInt = Field(description="Number of values in a latent.")
    labels: list[CardLabel] = Field(
        description="Classes of the data, in the order of the statistics' numbers; "
        "empty: no classes."
    )
    parameters: PositiveInt = Field(description="Number of weights and biases.")
    layers: Layers
    objective: Objective
    training: dict[str, int | float | bool | str | None] = Field(
        description="Hyperparameters and seed."
    )
    data: Data
    quality: Quality | None = Field(
        description="Measured quality; null where it was not measured."
    )
    cost: Cost | None = Field(
        None, description="Work of one image; null where it is not known."
    )
    graphs: Graphs
    statistics: CardFile | None = Field(
        None,
        description="The data's distributions in latent space; "
        "null where they are not known.",
    )
    inspection: Inspection | None = Field(
        None, description="Calibration of inspections; null: the model cannot inspect."
    )
    examples: list[str] = Field(
        min_length=2,
        description="Images of the data, base64 PNG.",
    )

    @model_validator(mode="after")
    def check_consistency(self) -> Self:
        """Reject equal class names, and a fit that is not of the images' color."""
        names = [label.name for label in self.labels]
        if len(set(names)) < len(names):
            raise ValueError("labels has two classes of one name")
        channels = self.image.channels
        if self.fit.method == "ink" and channels > 1:
            raise ValueError("the fit ink needs grey images")
        background = self.fit.background
        if background is not None and len(background) != channels:
            raise ValueError(f"the fit's background needs {channels} levels")
        return self

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        image = self.image
        return image.channels, image.height, image.width
