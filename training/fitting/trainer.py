"""The training loop, one epoch at a time, with checkpoints that resume exactly."""

import io
import math
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from training.data.binarize import binarize
from training.data.images import LabelledImages
from training.files import write_file
from training.fitting.checkpoint import (
    CHECKPOINT_FORMAT,
    EpochResult,
    objective_of,
    read_checkpoint,
)
from training.fitting.errors import TrainingError
from training.fitting.gradient import set_gradients
from training.fitting.health import has_diverged, mean_kl_divergence
from training.fitting.optimizers import make_optimizers
from training.fitting.performance import fast_products
from training.fitting.recipe import Recipe
from training.network.objective import Loss, Objective

if TYPE_CHECKING:
    from training.network.build import Network
    from training.network.mlp import VAE

# Between updates of the averaged weights: each pass over the weights waits for memory.
MAX_AVERAGING_STEPS = 8

CHECKED_IMAGES = 64  # a check of the outputs on these takes less time than a step


class Trainer:
    """A training run and its state.

    The state is the weights, their moving average, the optimizers, the random generator
    and the results of the epochs done. This one has the gradient by hand and is for the
    network ``mlp``; `training.fitting.trainers.make_trainer` chooses.
    """

    def __init__(
        self, images: LabelledImages, recipe: Recipe, device: torch.device
    ) -> None:
        self.recipe = recipe
        self.objective = Objective(
            recipe.objective, recipe.c, recipe.importance_samples
        )
        self.pixels = self._load(images).to(device)
        self.mean_image = self._mean_image()
        self.epochs_done = 0
        self.history: list[EpochResult] = []
        with torch.random.fork_rng():
            torch.manual_seed(recipe.seed)
            model = recipe.make_network(images.image_shape)
        self.model: Network = model.to(device)
        if recipe.mean_pixel_bias:
            self._start_at_mean_image()
        steps = math.ceil(len(self.pixels) / recipe.batch_size)
        self.averaging_steps = min(MAX_AVERAGING_STEPS, steps)
        decay = recipe.averaging**self.averaging_steps
        average = get_ema_multi_avg_fn(decay)
        self.averaged = AveragedModel(self.model, multi_avg_fn=average)
        self.optimizers = make_optimizers(self.model, recipe)
        self.generator = torch.Generator(device)
        self.generator.manual_seed(recipe.seed)

    def _load(self, images: LabelledImages) -> Tensor:
        """Return what is kept of the images on the device, (count, ...)."""
        return images.pixels().flatten(start_dim=1)

    def _mean_image(self) -> Tensor:
        """Return the mean of all images."""
        return self.pixels.mean(dim=0)

    def _start_at_mean_image(self) -> None:
        cast("VAE", self.model).decoder.start_at(self.mean_image)

    def _batch(self, positions: Tensor) -> Tensor:
        """Return the pixels of the images at these positions."""
        return self.pixels.index_select(0, positions)

    def epochs(self) -> Iterator[EpochResult]:
        """Run the remaining epochs. Yield the result of each."""
        while self.epochs_done < self.recipe.epochs:
            yield self._epoch()

    def _epoch(self) -> EpochResult:
        totals = self._take_steps()
        means = totals / len(self.pixels)
        result = EpochResult(self.epochs_done + 1, *means.tolist())
        if not math.isfinite(result.loss):
            raise TrainingError(
                f"the loss is not finite in epoch {result.epoch}: "
                "try a lower learning rate"
            )
        if self._has_diverged():
            raise TrainingError(
                f"training diverged in epoch {result.epoch}: try a lower learning rate"
            )
        self.epochs_done = result.epoch
        self.history.append(result)
        return result

    def _has_diverged(self) -> bool:
        """Check the model and its average, which may diverge in an epoch's last step."""
        averaged = cast("Network", self.averaged.module)
        count = min(CHECKED_IMAGES, len(self.pixels))
        pixels = self._batch(torch.arange(count, device=self.pixels.device))
        models = (self.model, averaged)
        divergences = [mean_kl_divergence(model, pixels) for model in models]
        return any(has_diverged(each, pixels) for each in divergences)

    def _take_steps(self) -> Tensor:
        """Take an epoch's steps.

        Return its summed loss, reconstruction loss and KL divergence, float64 (3,).
        """
        device = self.pixels.device
        order = torch.randperm(
            len(self.pixels),
            generator=self.generator,
            device=device,
        )
        batches = order.split(self.recipe.batch_size)
        totals = torch.zeros(3, dtype=torch.float64, device=device)
        with fast_products():
            for index, batch in enumerate(batches):
                self.set_learning_rate(self.epochs_done + index / len(batches))
                totals += self._step(self._batch(batch))
                steps_left = len(batches) - 1 - index
                if steps_left % self.averaging_steps == 0:
                    self.averaged.update_parameters(self.model)
        return totals

    def set_learning_rate(self, epochs_done: float) -> None:
        """Set the optimizers' learning rate for this point of the run."""
        rate = self.learning_rate(epochs_done)
        for optimizer in self.optimizers:
            optimizer.param_groups[0]["lr"] = rate

    def learning_rate(self, epochs_done: float) -> float:
        """Return the learning rate at this point of the run, by the schedule."""
        if self.recipe.schedule == "constant":
            return self.recipe.learning_rate
        angle = math.pi * epochs_done / self.recipe.epochs
        factor = 0.5 * (1 + math.cos(angle))
        return self.recipe.learning_rate * factor

    def _step(self, pixels: Tensor) -> Tensor:
        """Take one step. Return its loss's summed total and parts, (3,)."""
        if self.recipe.binarize:
            pixels = binarize(pixels, self.generator)
        loss = self._set_gradients(pixels)
        self._move_weights()
        sums = [loss.total.sum(), loss.reconstruction.sum(), loss.kl.sum()]
        return torch.stack(sums)

    def _noise(self, count: int) -> Tensor:
        """Return noise of N(0, I) for each sample of images, (samples, count, latent)."""
        return torch.randn(
            self.objective.samples,
            count,
            self.model.latent_size,
            generator=self.generator,
            device=self.pixels.device,
        )

    def _set_gradients(self, pixels: Tensor) -> Loss:
        noise = self._noise(len(pixels))
        model = cast("VAE", self.model)
        return set_gradients(model, self.objective, pixels, noise, self.generator)

    @torch.no_grad()
    def _move_weights(self) -> None:
        """Take the optimizers' steps.

        With ``center_pixels`` they are the steps of W (x - mean image) + c, stored as
        W x + b.
        """
        if not self.recipe.center_pixels:
            self._step_optimizers()
            return
        weight, bias = cast("VAE", self.model).encoder.hidden.parameters()
        assert weight.grad is not None  # noqa: S101 - set_gradients has set both
        assert bias.grad is not None  # noqa: S101
        weight.grad -= torch.outer(bias.grad, self.mean_image)
        before = weight.clone()
        self._step_optimizers()
        bias.sub_((weight - before) @ self.mean_image)

    def _step_optimizers(self) -> None:
        for optimizer in self.optimizers:
            optimizer.step()

    def save(self, path: Path) -> None:
        """Write a checkpoint atomically."""
        state = {
            "format": CHECKPOINT_FORMAT,
            "recipe": asdict(self.recipe),
            "image_shape": self.model.image_shape,
            "variance": self.objective.variance,
            "images": len(self.pixels),
            "device": self.pixels.device.type,  # of the random generator's state
            "epochs_done": self.epochs_done,
            "history": [asdict(result) for result in self.history],
            "model": self.model.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "generator": self.generator.get_state(),
        }
        content = io.BytesIO()
        torch.save(state, content)
        write_file(path, content.getvalue())

    def resume(self, path: Path) -> Recipe:
        """Restore the state of a checkpoint. Return the recipe it was made with.

        The recipes may differ in their epochs. With a constant learning rate the result
        is that of a single run. Raises TrainingError if the checkpoint is of another
        recipe, data set or device, or has more epochs done than this run has in all.
        """
        state = read_checkpoint(path)
        self._check_origin(path, state)
        self.model.load_state_dict(state["model"])
        self.averaged.load_state_dict(state["averaged"])
        pairs = zip(self.optimizers, state["optimizers"], strict=True)
        for optimizer, optimizer_state in pairs:
            optimizer.load_state_dict(optimizer_state)
        self.generator.set_state(state["generator"])
        self.objective = objective_of(state)
        self.epochs_done = state["epochs_done"]
        self.history = state["history"]
        recipe: Recipe = state["recipe"]
        return recipe

    def _check_origin(self, path: Path, state: dict[str, Any]) -> None:
        """Check that a checkpoint is of a run that this run can continue."""
        own = asdict(self.recipe)
        epochs = own.pop("epochs")
        own["images"] = len(self.pixels)
        own["device"] = self.pixels.device.type
        other = asdict(state["recipe"])
        other["images"] = state["images"]
        other["device"] = state["device"]
        differences = [
            f"{name} {other[name]}, not {value}"
            for name, value in own.items()
            if other[name] != value
        ]
        if differences:
            raise TrainingError(f"{path} was made with {'; '.join(differences)}")
        if state["epochs_done"] > epochs:
            raise TrainingError(
                f"{path} has {state['epochs_done']} epochs done, more than {epochs}"
            )
