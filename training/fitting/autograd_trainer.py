"""Training of a network by automatic differentiation."""

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor
from typing_extensions import override

from training.data.augmentation import flip, jitter
from training.data.images import LabelledImages
from training.fitting.levels_trainer import LevelsTrainer
from training.fitting.recipe import Recipe
from training.network.objective import Loss, squared_error

if TYPE_CHECKING:
    from training.network.conv import ConvVAE

HEIGHT_AXIS, WIDTH_AXIS = 2, 3
FLIPPED_AXES: dict[str, tuple[int, ...]] = {
    "none": (),
    "horizontal": (WIDTH_AXIS,),
    "vertical": (HEIGHT_AXIS,),
    "both": (HEIGHT_AXIS, WIDTH_AXIS),
}
MIN_VARIANCE = 1e-6  # of a pixel: images that are all alike have none


class AutogradTrainer(LevelsTrainer):
    """A training run of the network ``conv``.

    With the objective ``gaussian``, the
    variance is the best for each batch (Rybkin et al. 2021, arXiv:2006.13202, section
    3.2), and the run's is that of its last epoch.
    """

    def __init__(
        self, images: LabelledImages, recipe: Recipe, device: torch.device
    ) -> None:
        super().__init__(images, recipe, device)
        # A step takes 18 % less time than in PyTorch's default order.
        self.network = cast("ConvVAE", self.model)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in PyTorch's types
        self.squared_errors: list[float] = []  # of the epoch's pixels, by batch

    @override
    def _start_at_mean_image(self) -> None:
        cast("ConvVAE", self.model).decoder.start_at(self.mean_image)

    @override
    def _take_steps(self) -> Tensor:
        self.squared_errors = []
        totals = super()._take_steps()
        values = self.objective.samples * self.pixels.numel()
        variance = max(sum(self.squared_errors) / values, MIN_VARIANCE)
        self.objective = replace(self.objective, variance=variance)
        return totals

    @override
    def _set_gradients(self, pixels: Tensor) -> Loss:
        pixels = self._augmented(pixels)
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        mean, log_variance = self.network.encoder(pixels)
        deviation = torch.exp(0.5 * log_variance)
        noise = self._noise(len(pixels))
        latents = mean + deviation * noise
        logits = [self.network.decoder.logits(latent) for latent in latents]
        reconstruction = self._reconstruction_losses(pixels, logits)
        loss = self.objective.loss(reconstruction, mean, log_variance, latents)
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        loss.total.mean().backward()
        return loss

    def _reconstruction_losses(self, pixels: Tensor, logits: list[Tensor]) -> Tensor:
        """Return -log p(x|z) of each sample, (samples, batch)."""
        objective = self.objective
        if objective.name == "gaussian":
            decoded = torch.sigmoid(logits[0].detach())
            error = squared_error(pixels, decoded).sum().item()
            self.squared_errors.append(error)
            variance = max(error / pixels.numel(), MIN_VARIANCE)
            objective = replace(objective, variance=variance)
        losses = [objective.reconstruction_loss(pixels, each) for each in logits]
        return torch.stack(losses)

    def _augmented(self, pixels: Tensor) -> Tensor:
        """Return the batch with the recipe's random changes."""
        for axis in FLIPPED_AXES[self.recipe.flip]:
            pixels = flip(pixels, axis, self.generator)
        if self.recipe.jitter:
            pixels = jitter(pixels, self.generator)
        return pixels

    @override
    def _move_weights(self) -> None:
        self._step_optimizers()
