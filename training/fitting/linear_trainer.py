"""The closed form of the linear network, as a run of one epoch."""

from dataclasses import replace
from typing import cast

import torch
from torch import Tensor
from typing_extensions import override

from training.data.images import LabelledImages
from training.fitting.levels_trainer import LevelsTrainer
from training.fitting.linear import set_weights
from training.network.linear import LinearVAE
from training.network.objective import gaussian_loss, kl_divergence, squared_error


class LinearTrainer(LevelsTrainer):
    """A fit of the network ``linear``. Its single epoch is the closed form."""

    @override
    def _start_at_mean_image(self) -> None:
        """Do nothing: the closed form includes the mean."""

    @override
    @torch.no_grad()
    def _take_steps(self) -> Tensor:
        network = cast("LinearVAE", self.model)
        images = LabelledImages(self.pixels, torch.zeros(len(self.pixels)))
        variance = set_weights(network, images, self.recipe.seed)
        self.averaged.update_parameters(network)
        self.objective = replace(self.objective, variance=variance)
        totals = torch.zeros(3, dtype=torch.float64, device=self.pixels.device)
        positions = torch.arange(len(self.pixels), device=self.pixels.device)
        for batch in positions.split(self.recipe.batch_size):
            totals += self._sums(network, self._batch(batch))
        return totals

    def _sums(self, network: LinearVAE, pixels: Tensor) -> Tensor:
        """Return a batch's summed loss, reconstruction loss and KL divergence, (3,)."""
        mean, log_variance = network.encoder(pixels)
        noise = self._noise(len(pixels))[0]
        decoded = network.decoder(mean + torch.exp(0.5 * log_variance) * noise)
        errors = squared_error(pixels, decoded)
        variance = self.objective.variance
        reconstruction = gaussian_loss(errors, pixels[0].numel(), variance).sum()
        kl = kl_divergence(mean, log_variance).sum()
        return torch.stack([reconstruction + kl, reconstruction, kl])
