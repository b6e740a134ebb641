"""The training loop: Adam on the negative ELBO, one epoch at a time, with checkpoints that resume exactly."""

import io
import math
import pickle
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, cast

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from training.files import write_file
from training.mnist import Digits
from training.objective import Objective, ObjectiveName, kl_divergence
from training.vae import VAE, sample_posterior

CHECKPOINT_FORMAT = 1
Schedule = Literal["cosine", "constant"]


class TrainingError(Exception):
    """Training cannot start, go on or resume; the message says why."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that decides what a training run gives, beside its data.

    objective, c: see ``training.objective.Objective``.
    binarize: draw each pixel anew, black or white, every time an image is seen (dynamic binarisation).
    epochs: passes over all images.
    batch_size: images a step.
    learning_rate: Adam's step size; with the schedule ``cosine`` it falls to 0 over the run (arXiv:1608.03983).
    averaging: decay in [0, 1) of the moving average of weights that is exported; 0 exports the last weights.
    seed: decides initial weights, order, noise and binarisation.
    """

    objective: ObjectiveName = "squared-error"
    c: float = 16.0
    binarize: bool = False
    epochs: int = 200
    batch_size: int = 128
    learning_rate: float = 1e-3
    schedule: Schedule = "cosine"
    averaging: float = 0.999
    seed: int = 0


@dataclass(frozen=True, slots=True)
class EpochResult:
    """Means over the images of one training epoch, in nats an image; ``epoch`` counts from 1."""

    epoch: int
    reconstruction_loss: float
    kl_divergence: float

    @property
    def negative_elbo(self) -> float:
        """What was minimised."""
        return self.reconstruction_loss + self.kl_divergence


class Trainer:
    """A training run and all of its state: weights, their average, optimizer, random generator, epochs done."""

    def __init__(self, digits: Digits, recipe: Recipe, device: torch.device) -> None:
        self.recipe = recipe
        self.objective = Objective(recipe.objective, recipe.c)
        self.pixels = digits.pixels().to(device)
        self.epochs_done = 0
        with torch.random.fork_rng():
            torch.manual_seed(recipe.seed)
            self.model = VAE(digits.image_shape).to(device)
        self.averaged = AveragedModel(self.model, multi_avg_fn=get_ema_multi_avg_fn(recipe.averaging))
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=recipe.learning_rate, fused=True)
        self.generator = torch.Generator(device).manual_seed(recipe.seed)

    def epochs(self) -> Iterator[EpochResult]:
        """Run the epochs that remain, giving each one's result when it is done."""
        while self.epochs_done < self.recipe.epochs:
            yield self._epoch()

    def _epoch(self) -> EpochResult:
        order = torch.randperm(len(self.pixels), generator=self.generator, device=self.pixels.device)
        batches = order.split(self.recipe.batch_size)
        totals = torch.zeros(2, dtype=torch.float64, device=self.pixels.device)
        for index, batch in enumerate(batches):
            self.set_learning_rate(self.epochs_done + index / len(batches))
            totals += self._step(self.pixels[batch])
        reconstruction_loss, kl = (totals / len(self.pixels)).tolist()
        self.epochs_done += 1
        if not math.isfinite(reconstruction_loss + kl):
            raise TrainingError(f"the loss is not finite in epoch {self.epochs_done}: try a lower learning rate")
        return EpochResult(self.epochs_done, reconstruction_loss, kl)

    def set_learning_rate(self, epochs_done: float) -> None:
        """Set Adam's step size for this point of the run, as the schedule has it."""
        if self.recipe.schedule == "cosine":
            share = 0.5 * (1 + math.cos(math.pi * epochs_done / self.recipe.epochs))
            self.optimizer.param_groups[0]["lr"] = self.recipe.learning_rate * share

    def _step(self, pixels: Tensor) -> Tensor:
        """Take one step on a batch; give its summed reconstruction loss and KL divergence, shape (2,)."""
        if self.recipe.binarize:
            pixels = binarize(pixels, self.generator)
        mean, log_variance = self.model.encoder(pixels)
        latent = sample_posterior(mean, log_variance, self.generator)
        reconstruction_loss = self.objective.reconstruction_loss(pixels, self.model.decoder.logits(latent))
        kl = kl_divergence(mean, log_variance)
        self.optimizer.zero_grad()
        (reconstruction_loss + kl).mean().backward()
        self.optimizer.step()
        self.averaged.update_parameters(self.model)
        return torch.stack([reconstruction_loss.detach().sum(), kl.detach().sum()])

    def save(self, path: Path) -> None:
        """Write a checkpoint, whole or not at all."""
        content = io.BytesIO()
        state = {
            "format": CHECKPOINT_FORMAT,
            "recipe": asdict(self.recipe),
            "image_shape": self.model.image_shape,
            "images": len(self.pixels),
            "epochs_done": self.epochs_done,
            "model": self.model.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
        }
        torch.save(state, content)
        write_file(path, content.getvalue())

    def resume(self, path: Path) -> None:
        """Take up the state of a checkpoint. Raises TrainingError if it belongs to another recipe or other data."""
        state = read_checkpoint(path)
        mine = {**asdict(self.recipe), "images": len(self.pixels)}
        theirs = {**state["recipe"], "images": state["images"]}
        differing = [f"{key} {theirs.get(key)}, not {mine[key]}" for key in mine if mine[key] != theirs.get(key)]
        if differing:
            raise TrainingError(f"{path} was made with {'; '.join(differing)}")
        self.model.load_state_dict(state["model"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
        self.epochs_done = state["epochs_done"]


def binarize(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Draw each pixel black or white, white with its own value as the probability: 1 where u <= x, u ~ U[0, 1)."""
    noise = torch.rand(pixels.shape, generator=generator, device=pixels.device)
    return (noise <= pixels).float()


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The state in a checkpoint, on the CPU. Raises TrainingError, naming the file, if it is not one."""
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        if state["format"] == CHECKPOINT_FORMAT:
            return state
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, pickle.UnpicklingError, EOFError) as error:
        raise TrainingError(f"{path} is not a checkpoint of this program: {error}") from error
    raise TrainingError(f"{path} is a checkpoint of format {state['format']}, not {CHECKPOINT_FORMAT}")


def trained_model(path: Path) -> tuple[VAE, dict[str, Any]]:
    """The averaged weights in a checkpoint as a model, and the checkpoint's state. Raises TrainingError."""
    state = read_checkpoint(path)
    averaged = AveragedModel(VAE(state["image_shape"]))
    averaged.load_state_dict(state["averaged"])
    return cast("VAE", averaged.module).eval(), state
