"""The recipe of a training run, and recipe files."""

import math
import tomllib
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from typer import Option

from training.network.build import Network, NetworkName, make_network
from training.network.mlp import ImageShape
from training.network.objective import ObjectiveName

OptimizerName = Literal["muon", "adam"]
Schedule = Literal["cosine", "constant"]
Flip = Literal["none", "horizontal", "vertical", "both"]

MAX_SEED = 2**64 - 1  # PyTorch's limit
MAX_CHANNELS = 2**8
MAX_UNITS = 2**14  # in a layer: the weights between two such layers take 1 GB

recipe_flag = partial(Option, rich_help_panel="Recipe")


class RecipeError(Exception):
    """A recipe is not valid. The message names its file or its field."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides the result of a training run, except its data.

    Each field is a flag of ``python -m training train``, with the bounds and the help
    text given here. Sources: Adam, arXiv:1412.6980; Muon,
    https://kellerjordan.github.io/posts/muon/, learning rate scaled by equation 4 of
    arXiv:2502.16982; cosine schedule, arXiv:1608.03983. The objectives are described
    in `training.network.objective.Objective`.

    Raises RecipeError for a number that is not finite, and for what the network does
    not have.
    """

    network: Annotated[
        NetworkName,
        recipe_flag(
            help="mlp: one hidden layer; conv: convolutions; linear: closed form."
        ),
    ] = "mlp"
    objective: Annotated[
        ObjectiveName,
        recipe_flag(help="Loss to minimise, together with the KL divergence."),
    ] = "squared-error"
    c: Annotated[
        float,
        recipe_flag(min=1e-6, help="C of the squared-error loss, C*|x-y|^2 + KL."),
    ] = 16.0
    importance_samples: Annotated[
        int,
        recipe_flag(min=1, help="Samples an image of the importance-weighted loss."),
    ] = 5
    binarize: Annotated[
        bool,
        recipe_flag(help="Draw each pixel black or white whenever an image is used."),
    ] = False
    epochs: Annotated[int, recipe_flag(min=1, help="Passes over all images.")] = 200
    optimizer: Annotated[
        OptimizerName,
        recipe_flag(help="Muon updates matrices and leaves the biases to Adam."),
    ] = "muon"
    batch_size: Annotated[int, recipe_flag(min=1, help="Images per step.")] = 512
    learning_rate: Annotated[
        float,
        recipe_flag(min=1e-9, help="Step size of Adam; Muon's is scaled to match."),
    ] = 1e-2
    schedule: Annotated[
        Schedule,
        recipe_flag(help="Learning rate: cosine falls to 0 at the last epoch."),
    ] = "cosine"
    averaging: Annotated[
        float,
        recipe_flag(
            min=0.0,
            max=0.999999,
            help="Decay per step of the exported average of weights; 0 for none.",
        ),
    ] = 0.99
    mean_pixel_bias: Annotated[
        bool,
        recipe_flag(help="Start the last layer's biases at the mean image."),
    ] = True
    center_pixels: Annotated[
        bool,
        recipe_flag(help="Update the encoder as if its inputs had mean 0."),
    ] = True
    hidden_size: Annotated[
        int,
        recipe_flag(min=1, max=MAX_UNITS, help="Units of each hidden layer."),
    ] = 256
    channels: Annotated[
        int,
        recipe_flag(
            min=1, max=MAX_CHANNELS, help="Channels of the first layer of conv."
        ),
    ] = 16
    latent_size: Annotated[
        int,
        recipe_flag(min=1, max=MAX_UNITS, help="Dimensions of the latent space."),
    ] = 32
    jitter: Annotated[
        bool,
        recipe_flag(
            help="Shift, turn and lighten images a little, as aligned parts vary."
        ),
    ] = False
    flip: Annotated[
        Flip, recipe_flag(help="Mirror half of the images along these axes.")
    ] = "none"
    seed: Annotated[
        int,
        recipe_flag(
            min=0,
            max=MAX_SEED,
            help="Seed of initial weights, order, noise and binarisation.",
        ),
    ] = 0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if isinstance(value, float) and not math.isfinite(value):
                raise RecipeError(f"{name} must be finite; is {value}")
        if self.is_by_hand:
            augments = self.jitter or self.flip != "none"
            if augments or self.objective == "gaussian":
                raise RecipeError(
                    "jitter, flip and the objective gaussian are for the networks "
                    "conv and linear: training/recipes has recipes for them"
                )
        elif self.center_pixels:
            raise RecipeError(
                f"center_pixels is for the network mlp, not {self.network}: "
                "training/recipes has recipes for the other networks"
            )
        if self.network == "linear" and not self.is_closed_form:
            raise RecipeError(
                "the network linear has the objective gaussian and one epoch"
            )

    @property
    def is_by_hand(self) -> bool:
        """Return whether the gradient is computed by hand, without autograd."""
        return self.network == "mlp"

    @property
    def is_closed_form(self) -> bool:
        """Return whether a single epoch finds the most likely linear network."""
        return self.objective == "gaussian" and self.epochs == 1

    def make_network(self, image_shape: ImageShape) -> Network:
        """Return the network with random initial weights."""
        return make_network(
            self.network,
            image_shape,
            self.channels,
            self.hidden_size,
            self.latent_size,
        )


RecipeValue = str | int | float | bool


def read_recipe(path: Path) -> dict[str, RecipeValue]:
    """Return the fields that a TOML file sets, each of its field's type.

    Raises RecipeError, naming the file, if it cannot be read or has anything else.
    """
    try:
        text = path.read_text("utf-8-sig")
        values: dict[str, RecipeValue] = tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise RecipeError(f"{path} is not a readable recipe: {error}") from error
    defaults = asdict(Recipe())
    for name, value in values.items():
        if name not in defaults:
            raise RecipeError(f"{path}: {name} is not one of {', '.join(defaults)}")
        expected = type(defaults[name])
        if not has_type(value, expected):
            raise RecipeError(
                f"{path}: {name} = {value!r} is not of the type {expected.__name__}"
            )
    return values


def has_type(value: object, expected: type) -> bool:
    """Return whether a value has exactly this type; an int is a float, too."""
    if expected is float:
        return type(value) in {int, float}
    return type(value) is expected
