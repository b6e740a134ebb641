"""Training speed, compared with a textbook's loop.

Both train the same network with the same batches and optimizer on all cores: the time
of an epoch, and the time to the same loss.
"""

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch

from benchmarks.tables import Table, ratios
from benchmarks.textbook_training import LEARNING_RATE, Epoch, textbook_epochs
from training.data.images import LabelledImages
from training.fitting.performance import fast_products, keep_freed_memory
from training.fitting.recipe import Recipe
from training.fitting.trainer import Trainer
from training.network.mlp import VAE

MATRIX_SIZE = 2048
REPEATS = 10
EPOCHS = 3
MAX_TEXTBOOK_EPOCHS = 12  # to reach the loss of our epoch EPOCHS
BATCH_SIZES = (128, 512)
TEXT = (
    "784-256-32-256-784, binary cross-entropy of grey digits, Adam, all cores. Both "
    "take turns, epoch by epoch. First the seconds per epoch, their ratio, and the "
    "share of the rate of large matrix products on this machine that our loop reaches; "
    f"then the loss of epoch {EPOCHS} in nats; then the seconds until an epoch's loss "
    f"is at most that of our epoch {EPOCHS}, and their ratio. Our loop starts at the "
    "mean image, centres the pixels, computes the gradient only along the latents and "
    "averages weights, as training does by default."
)
HEADINGS = [
    "batch",
    "textbook",
    "ours",
    "ratio",
    "share",
    "textbook's loss",
    "our loss",
    "textbook, to our loss",
    "ours, to our loss",
    "ratio",
]


@dataclass
class Comparison:
    """Epochs of both loops, and our share of the rate of matrix products in each."""

    ours: list[Epoch] = field(default_factory=list)
    textbook: list[Epoch] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)


def training_table(digits: LabelledImages) -> Table:
    """Measure seconds an epoch and seconds to the same loss, by batch size."""
    rows = []
    for batch_size in BATCH_SIZES:
        comparison = compare(digits, batch_size)
        cells = [f"{batch_size}"]
        cells.extend(epoch_cells(comparison))
        cells.extend(loss_cells(comparison))
        rows.append(cells)
    return Table("Training", TEXT, HEADINGS, rows)


def compare(digits: LabelledImages, batch_size: int) -> Comparison:
    """Train with both loops, epoch by epoch; then the textbook's to our loss.

    They take turns: slow minutes of the machine affect both.
    """
    comparison = Comparison()
    operations = operations_per_epoch(len(digits))
    textbook = textbook_epochs(digits, batch_size)
    for epoch in our_epochs(digits, batch_size):
        comparison.ours.append(epoch)
        share = operations / epoch.seconds / product_rate()
        comparison.shares.append(share)
        comparison.textbook.append(next(textbook))
    goal = comparison.ours[-1].loss
    while len(comparison.textbook) < MAX_TEXTBOOK_EPOCHS:
        if comparison.textbook[-1].loss <= goal:
            break
        comparison.textbook.append(next(textbook))
    return comparison


def epoch_cells(comparison: Comparison) -> list[str]:
    """Return the time of an epoch of both, its ratio, and our share."""
    our_seconds = [epoch.seconds for epoch in comparison.ours]
    textbook_seconds = [epoch.seconds for epoch in comparison.textbook]
    turns = ratios(textbook_seconds[:EPOCHS], our_seconds)
    return [
        f"{statistics.median(textbook_seconds):.2f}",
        f"{statistics.median(our_seconds):.2f}",
        f"{statistics.median(turns):.1f}",
        f"{statistics.median(comparison.shares):.0%}",
    ]


def loss_cells(comparison: Comparison) -> list[str]:
    """Return both losses, the time of both to our loss, and its ratio."""
    goal = comparison.ours[-1].loss
    textbook_loss = comparison.textbook[EPOCHS - 1].loss
    our_total = sum(epoch.seconds for epoch in comparison.ours)
    textbook_total = sum(epoch.seconds for epoch in comparison.textbook)
    bound = ""
    if comparison.textbook[-1].loss > goal:
        bound = "over "  # not reached in MAX_TEXTBOOK_EPOCHS
    return [
        f"{textbook_loss:.2f}",
        f"{goal:.2f}",
        f"{bound}{textbook_total:.1f}",
        f"{our_total:.1f}",
        f"{bound}{textbook_total / our_total:.1f}",
    ]


def our_epochs(digits: LabelledImages, batch_size: int) -> Iterator[Epoch]:
    """Train for ``EPOCHS`` as ``python -m training`` does; yield each epoch.

    The first epoch includes the preparations.
    """
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
    trainer = Trainer(digits, recipe, torch.device("cpu"))
    for result in trainer.epochs():
        yield Epoch(time.perf_counter() - started, result.loss)
        started = time.perf_counter()


def product_rate() -> float:
    """Return floating-point operations per second of large matrix products.

    They are computed with the settings of training.
    """
    first, second = torch.randn(2, MATRIX_SIZE, MATRIX_SIZE).unbind()
    times = []
    with fast_products():
        for _ in range(REPEATS):
            started = time.perf_counter()
            first @ second
            times.append(time.perf_counter() - started)
    operations = 2 * MATRIX_SIZE**3
    return operations / statistics.median(times)


def operations_per_epoch(images: int) -> int:
    """Return floating-point operations in the matrix products of an epoch.

    They are forward products, and backward products to weights and inputs.
    """
    weights = [parameter for parameter in VAE().parameters() if parameter.dim() > 1]
    count = sum(weight.numel() for weight in weights)
    first_layer = weights[0].numel()  # no gradient of the pixels is needed
    return images * (6 * count - 2 * first_layer)
