"""Training beside a textbook's loop: the same network, batch and optimizer, all cores, an epoch and to one loss."""

import statistics
import time
from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from training.data.digits import Digits
from training.fitting.performance import fast_products, keep_freed_memory
from training.fitting.recipe import Recipe
from training.fitting.trainer import Trainer
from training.network.mlp import VAE, sample_posterior
from training.network.objective import binary_cross_entropy, kl_divergence

MATRIX_SIZE = 2048
REPEATS = 10
EPOCHS = 3
MAX_EPOCHS = 12  # of the textbook's, to the loss that we have after EPOCHS
BATCHES = (128, 512)
LEARNING_RATE = 1e-3

Epochs = Iterator[tuple[float, float]]  # seconds, and mean loss in nats, of each


class TextbookDigits(Dataset[tuple[Tensor, int]]):
    """Digits that become pictures, and pictures that become tensors, one by one, as torchvision's MNIST gives them.

    Its own transform, ToTensor, takes the same way: bytes (height, width, channels), then channels first, then floats.
    Of torchvision 0.28 itself, an epoch of 60,000 took 1.4 s instead of 1.2 to load.
    """

    def __init__(self, digits: Digits) -> None:
        self.images, self.labels = digits.images[:, 0], digits.labels

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Give one digit's pixels in [0, 1] and its label."""
        picture = Image.fromarray(self.images[index].numpy())
        content = torch.from_numpy(np.array(picture)).reshape(
            picture.height, picture.width, 1
        )
        return content.permute(2, 0, 1).contiguous().float().div(255), int(
            self.labels[index]
        )


def textbook_epochs(digits: Digits, batch_size: int) -> Epochs:
    """The loop that a tutorial would write."""
    torch.manual_seed(0)
    model = VAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    loader = DataLoader(TextbookDigits(digits), batch_size=batch_size, shuffle=True)
    while True:
        started, total = time.perf_counter(), 0.0
        for pixels, _ in loader:
            mean, log_variance = model.encoder(pixels)
            logits = model.decoder.logits(sample_posterior(mean, log_variance))
            loss = (
                binary_cross_entropy(pixels, logits) + kl_divergence(mean, log_variance)
            ).sum()
            optimizer.zero_grad()
            (loss / len(pixels)).backward()
            optimizer.step()
            total += loss.item()
        yield time.perf_counter() - started, total / len(digits)


def our_epochs(digits: Digits, batch_size: int) -> Epochs:
    """EPOCHS of ours, in a process set up as ``python -m training`` is; the first has the preparations too."""
    keep_freed_memory()
    recipe = Recipe(
        objective="bernoulli",
        epochs=EPOCHS,
        optimizer="adam",
        batch_size=batch_size,
        learning_rate=LEARNING_RATE,
        schedule="constant",
    )
    started = time.perf_counter()
    for result in Trainer(digits, recipe, torch.device("cpu")).epochs():
        yield time.perf_counter() - started, result.loss
        started = time.perf_counter()


def product_rate() -> float:
    """Floating-point operations a second of large matrix products, computed as training computes them."""
    first, second = torch.randn(2, MATRIX_SIZE, MATRIX_SIZE).unbind()
    times = []
    with fast_products():
        for _ in range(REPEATS):
            started = time.perf_counter()
            first @ second
            times.append(time.perf_counter() - started)
    return float(2 * MATRIX_SIZE**3 / statistics.median(times))


def operations_an_epoch(images: int) -> float:
    """Floating-point operations in the matrix products of an epoch: forward, and backward to weights and inputs."""
    weights = [parameter for parameter in VAE().parameters() if parameter.dim() > 1]
    count = sum(weight.numel() for weight in weights)
    first = weights[0].numel()  # nobody asks for the gradient of the pixels
    return float(images * (6 * count - 2 * first))


def training_rows(digits: Digits) -> list[list[str]]:
    """Rows of a table, by batch: an epoch of both loops, our share of the product rate, and what both take to one loss.

    The loss is that of our epoch EPOCHS. The loops take turns, so that a slow minute is both's.
    """
    rows = []
    for batch_size in BATCHES:
        ours, theirs, shares = [], [], []
        textbook = textbook_epochs(digits, batch_size)
        for seconds, loss in our_epochs(digits, batch_size):
            ours.append((seconds, loss))
            shares.append(operations_an_epoch(len(digits)) / seconds / product_rate())
            theirs.append(next(textbook))
        ratio = statistics.median(
            their / our for (our, _), (their, _) in zip(ours, theirs, strict=True)
        )
        while theirs[-1][1] > ours[-1][1] and len(theirs) < MAX_EPOCHS:
            theirs.append(next(textbook))
        our_epoch, their_epoch = (
            statistics.median(seconds for seconds, _ in each) for each in (ours, theirs)
        )
        our_total, their_total = (
            sum(seconds for seconds, _ in each) for each in (ours, theirs)
        )
        epoch = [
            f"{their_epoch:.2f}",
            f"{our_epoch:.2f}",
            f"{ratio:.1f}",
            f"{statistics.median(shares):.0%}",
        ]
        losses = [f"{theirs[EPOCHS - 1][1]:.2f}", f"{ours[-1][1]:.2f}"]
        over = "over " if theirs[-1][1] > ours[-1][1] else ""
        same_loss = [
            f"{over}{their_total:.1f}",
            f"{our_total:.1f}",
            f"{over}{their_total / our_total:.1f}",
        ]
        rows.append([f"{batch_size}", *epoch, *losses, *same_loss])
    return rows
