"""What decides a training run, and the files that keep it."""

import math
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from training.network.objective import ObjectiveName

OptimizerName = Literal["muon", "adam"]
Schedule = Literal["cosine", "constant"]


class RecipeError(Exception):
    """A file is no recipe; the message names it."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that decides what a training run gives, beside its data.

    objective, c, importance_samples: see ``training.network.objective.Objective``.
    binarize: draw each pixel anew, black or white, every time an image is seen (dynamic binarisation).
    epochs: passes over all images.
    optimizer: ``adam`` (arXiv:1412.6980), or ``muon`` (https://kellerjordan.github.io/posts/muon/), which moves
        matrices as far in every direction and leaves the biases to Adam.
    batch_size: images a step.
    learning_rate: Adam's step size, and Muon's in Adam's terms (arXiv:2502.16982, equation 4); with the schedule
        ``cosine`` it falls to 0 over the run (arXiv:1608.03983).
    averaging: decay in [0, 1) of the moving average of weights that is exported; 0 exports the last weights.
    mean_pixel_bias: start the last layer's biases where its pixels are the mean image, not at random.
    center_pixels: take the encoder's steps as if it saw pixels less the mean image.
    hidden_size, latent_size: of the network; the reference's are 256 and 32.
    seed: decides initial weights, order, noise and binarisation.

    Raises RecipeError for a number that is not finite.
    """

    objective: ObjectiveName = "squared-error"
    c: float = 16.0
    importance_samples: int = 5
    binarize: bool = False
    epochs: int = 200
    optimizer: OptimizerName = "muon"
    batch_size: int = 512
    learning_rate: float = 1e-2
    schedule: Schedule = "cosine"
    averaging: float = 0.99
    mean_pixel_bias: bool = True
    center_pixels: bool = True
    hidden_size: int = 256
    latent_size: int = 32
    seed: int = 0

    def __post_init__(self) -> None:
        """See above."""
        for name, value in asdict(self).items():
            if isinstance(value, float) and not math.isfinite(value):
                raise RecipeError(f"{name} must be finite; is {value}")

    @property
    def network(self) -> dict[str, int]:
        """The network's sizes."""
        return {"hidden_size": self.hidden_size, "latent_size": self.latent_size}


def read_recipe(path: Path) -> dict[str, str | int | float | bool]:
    """The fields of a recipe that a TOML file names, each of the type that the field has.

    Raises RecipeError, naming the file, for one that cannot be read or names anything else.
    """
    try:
        named = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise RecipeError(f"{path} is not a readable recipe: {error}") from error
    types = {name: type(value) for name, value in asdict(Recipe()).items()}
    for name, value in named.items():
        if name not in types:
            raise RecipeError(f"{path}: {name} is not one of {', '.join(types)}")
        if type(value) is not types[name] and (type(value), types[name]) != (
            int,
            float,
        ):
            raise RecipeError(
                f"{path}: {name} = {value!r} is not of the type {types[name].__name__}"
            )
    return named
