"""The training loop: steps down the negative ELBO, one epoch at a time, with checkpoints that resume exactly."""

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from training.data.mnist import Digits
from training.files import read_saved, write_file
from training.fitting.gradient import set_gradients
from training.fitting.muon import Muon
from training.fitting.recipe import Recipe, RecipeError
from training.network.mlp import VAE
from training.network.objective import Objective

CHECKPOINT_FORMAT = 2
LARGEST_ARRAY = 2**25 - 2**13  # bytes; glibc's thresholds follow no larger one
MATRIX = 2  # dimensions
AVERAGING_INTERVAL = 8  # steps, at most: each pass over the weights waits for memory


class TrainingError(Exception):
    """Training cannot start, go on or resume; the message says why."""


@dataclass(frozen=True, slots=True)
class EpochResult:
    """Means over the images of one training epoch, in nats an image; ``epoch`` counts from 1.

    loss: what was minimised; the sum of the other two, the negative ELBO, unless ``importance-weighted``.
    """

    epoch: int
    loss: float
    reconstruction_loss: float
    kl_divergence: float


class Trainer:
    """A training run and all of its state: weights, their average, optimizer, random generator, epochs' results."""

    def __init__(self, digits: Digits, recipe: Recipe, device: torch.device) -> None:
        self.recipe = recipe
        self.objective = Objective(
            recipe.objective, recipe.c, recipe.importance_samples
        )
        self.pixels = digits.pixels().flatten(start_dim=1).to(device)
        self.epochs_done = 0
        self.history: list[EpochResult] = []
        with torch.random.fork_rng():
            torch.manual_seed(recipe.seed)
            self.model = VAE(digits.image_shape, **recipe.network).to(device)
        self.mean_image = self.pixels.mean(dim=0)
        if recipe.mean_pixel_bias:
            self.model.decoder.start_at(self.mean_image)
        self.averaging_interval = min(
            AVERAGING_INTERVAL, math.ceil(len(self.pixels) / recipe.batch_size)
        )
        decay = recipe.averaging**self.averaging_interval
        self.averaged = AveragedModel(
            self.model, multi_avg_fn=get_ema_multi_avg_fn(decay)
        )
        self.optimizers = optimizers(self.model, recipe)
        self.generator = torch.Generator(device).manual_seed(recipe.seed)

    def epochs(self) -> Iterator[EpochResult]:
        """Run the epochs that remain, giving each one's result when it is done."""
        while self.epochs_done < self.recipe.epochs:
            yield self._epoch()

    def _epoch(self) -> EpochResult:
        order = torch.randperm(
            len(self.pixels), generator=self.generator, device=self.pixels.device
        )
        batches = order.split(self.recipe.batch_size)
        totals = torch.zeros(3, dtype=torch.float64, device=self.pixels.device)
        with fast_products():
            for index, batch in enumerate(batches):
                self.set_learning_rate(self.epochs_done + index / len(batches))
                totals += self._step(self.pixels.index_select(0, batch))
                if (len(batches) - 1 - index) % self.averaging_interval == 0:
                    self.averaged.update_parameters(self.model)
        result = EpochResult(
            self.epochs_done + 1, *(totals / len(self.pixels)).tolist()
        )
        if not math.isfinite(result.loss):
            raise TrainingError(
                f"the loss is not finite in epoch {result.epoch}: try a lower learning rate"
            )
        self.epochs_done = result.epoch
        self.history.append(result)
        return result

    def set_learning_rate(self, epochs_done: float) -> None:
        """Set the step size for this point of the run, as the schedule has it."""
        if self.recipe.schedule == "cosine":
            share = 0.5 * (1 + math.cos(math.pi * epochs_done / self.recipe.epochs))
            for optimizer in self.optimizers:
                optimizer.param_groups[0]["lr"] = self.recipe.learning_rate * share

    def _step(self, pixels: Tensor) -> Tensor:
        """Take one step on a batch; give its summed loss, reconstruction loss and KL divergence, shape (3,)."""
        if self.recipe.binarize:
            pixels = binarize(pixels, self.generator)
        shape = (self.objective.samples, len(pixels), self.model.latent_size)
        noise = torch.randn(shape, generator=self.generator, device=pixels.device)
        loss = set_gradients(self.model, self.objective, pixels, noise, self.generator)
        self._move_weights()
        return torch.stack(
            [part.sum() for part in (loss.total, loss.reconstruction, loss.kl)]
        )

    @torch.no_grad()
    def _move_weights(self) -> None:
        """Take the optimizers' steps; with ``center_pixels`` those of W (x - mean image) + c, kept as W x + b."""
        weight, bias = self.model.encoder.hidden.parameters()
        if self.recipe.center_pixels:
            assert weight.grad is not None and bias.grad is not None  # noqa: S101, PT018 - set_gradients has set them
            weight.grad -= torch.outer(bias.grad, self.mean_image)
            before = weight.clone()
        for optimizer in self.optimizers:
            optimizer.step()
        if self.recipe.center_pixels:
            bias.sub_((weight - before) @ self.mean_image)

    def save(self, path: Path) -> None:
        """Write a checkpoint, whole or not at all."""
        content = io.BytesIO()
        state = {
            "format": CHECKPOINT_FORMAT,
            "recipe": asdict(self.recipe),
            "image_shape": self.model.image_shape,
            "images": len(self.pixels),
            "device": self.pixels.device.type,  # whose random generator the state below is of
            "epochs_done": self.epochs_done,
            "history": [asdict(result) for result in self.history],
            "model": self.model.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "generator": self.generator.get_state(),
        }
        torch.save(state, content)
        write_file(path, content.getvalue())

    def resume(self, path: Path) -> None:
        """Take up the state of a checkpoint. Raises TrainingError if it is of another recipe, other data or device."""
        state = read_checkpoint(path)
        mine = {
            **asdict(self.recipe),
            "images": len(self.pixels),
            "device": self.pixels.device.type,
        }
        theirs = {
            **asdict(state["recipe"]),
            "images": state["images"],
            "device": state["device"],
        }
        differing = [
            f"{key} {theirs[key]}, not {mine[key]}"
            for key in mine
            if mine[key] != theirs[key]
        ]
        if differing:
            raise TrainingError(f"{path} was made with {'; '.join(differing)}")
        self.model.load_state_dict(state["model"])
        self.averaged.load_state_dict(state["averaged"])
        for optimizer, its_state in zip(
            self.optimizers, state["optimizers"], strict=True
        ):
            optimizer.load_state_dict(its_state)
        self.generator.set_state(state["generator"])
        self.epochs_done, self.history = state["epochs_done"], state["history"]


def optimizers(model: VAE, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """What takes the steps of a recipe. Muon is for matrices only, and leaves the biases to Adam."""
    rate = recipe.learning_rate
    if recipe.optimizer == "adam":
        return [torch.optim.Adam(model.parameters(), lr=rate, fused=True)]
    matrices = [
        parameter for parameter in model.parameters() if parameter.dim() == MATRIX
    ]
    biases = [parameter for parameter in model.parameters() if parameter.dim() < MATRIX]
    return [Muon(matrices, lr=rate), torch.optim.Adam(biases, lr=rate, fused=True)]


@contextmanager
def fast_products() -> Iterator[None]:
    """Let oneDNN multiply matrices: on processors not Intel's it has twice the rate of MKL, PyTorch's choice.

    Where the processor has matrix units for them (AMX, tensor cores), the factors may be rounded to bfloat16.
    """
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def keep_freed_memory() -> None:
    """Let glibc keep what the process frees, 64 MB at most: fresh pages for a step's arrays took a tenth of its time.

    Its thresholds follow the largest array that was ever freed (mallopt(3)). Nothing touches this one's pages.
    """
    bytes(LARGEST_ARRAY)


def binarize(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Draw each pixel black or white, white with its own value as the probability: 1 where u < x, u ~ U[0, 1)."""
    return torch.rand(pixels.shape, generator=generator, device=pixels.device).lt_(
        pixels
    )


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The state in a checkpoint, on the CPU. Raises OSError, and TrainingError, naming the file, if it is not one."""
    state = read_saved(path)
    if not isinstance(state, dict) or "format" not in state:
        raise TrainingError(f"{path} is not a checkpoint of this program")
    if state["format"] != CHECKPOINT_FORMAT:
        raise TrainingError(
            f"{path} is a checkpoint of format {state['format']}, not {CHECKPOINT_FORMAT}"
        )
    try:
        history = [EpochResult(**result) for result in state["history"]]
        return {**state, "recipe": Recipe(**state["recipe"]), "history": history}
    except (LookupError, TypeError, RecipeError) as error:
        raise TrainingError(
            f"{path} is not a checkpoint of this program: {error}"
        ) from error


def trained_model(path: Path) -> tuple[VAE, dict[str, Any]]:
    """The averaged weights in a checkpoint as a model, and the checkpoint's state. Raises TrainingError."""
    state = read_checkpoint(path)
    averaged = AveragedModel(VAE(state["image_shape"], **state["recipe"].network))
    averaged.load_state_dict(state["averaged"])
    return cast("VAE", averaged.module).eval(), state
