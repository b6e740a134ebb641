"""Training of the convolutional network, beside a textbook's loop.

python -m benchmarks.conv_training: seconds until the loss of held-out pictures is as
low as in the best epoch of the textbook; and the time of a step, beside that of the
network alone in other settings.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Annotated, NamedTuple, cast

import torch
import typer
from torch import Tensor
from torch.optim import Adam
from torch.utils.data import DataLoader

from benchmarks.aligned_parts import aligned_parts
from benchmarks.networks import PARTS, read_set
from benchmarks.tables import Table
from benchmarks.textbook_training import TextbookImages
from training.creation.create import default_fields
from training.data.data_set import DataSet
from training.data.images import LabelledImages
from training.fitting.performance import fast_products, keep_freed_memory
from training.fitting.recipe import Recipe
from training.fitting.trainers import make_trainer
from training.network.conv import ConvVAE
from training.network.mlp import sample_posterior
from training.network.objective import gaussian_loss, kl_divergence, squared_error

CPU = torch.device("cpu")
LEARNING_RATE = 1e-3  # of the textbook's Adam
EPOCHS = 30  # of the textbook
MAX_EPOCHS = 20  # of ours
BATCH_SIZE = 32
STEPS = 20
WARM_UP_STEPS = 3
REPEATS = 5
SHAPES = ((1, 64), (3, 64), (3, 128))


class Trained(NamedTuple):
    """Duration of training, and the loss of the held-out pictures in nats an image."""

    seconds: float
    loss: float


def textbook_training(data: DataSet, recipe: Recipe, epochs: int) -> Iterator[Trained]:
    """Train as in a tutorial, with PyTorch's defaults; yield after each epoch.

    The network, the batches and the loss are those of our recipe.
    """
    torch.manual_seed(0)
    model = cast("ConvVAE", recipe.make_network(data.train.image_shape))
    optimizer = Adam(model.parameters(), lr=LEARNING_RATE)
    images = TextbookImages(data.train)
    loader = DataLoader(images, batch_size=recipe.batch_size, shuffle=True)
    seconds = 0.0
    for _ in range(epochs):
        started = time.perf_counter()
        for pixels, _ in loader:
            optimizer.zero_grad()
            negative_elbo(model, pixels).backward()
            optimizer.step()
        seconds += time.perf_counter() - started
        yield Trained(seconds, held_out_loss(model, data.test))


def negative_elbo(model: ConvVAE, pixels: Tensor) -> Tensor:
    """Return the mean loss of a batch in nats, with the variance that is best for it."""
    mean, log_variance = model.encoder(pixels)
    decoded = model.decoder(sample_posterior(mean, log_variance))
    errors = squared_error(pixels, decoded)
    variance = errors.detach().sum().item() / pixels.numel()
    losses = gaussian_loss(errors, pixels[0].numel(), variance)
    return (losses + kl_divergence(mean, log_variance)).mean()


@torch.inference_mode()
def held_out_loss(model: ConvVAE, images: LabelledImages) -> float:
    """Return the loss of images that were not trained on."""
    torch.manual_seed(0)
    return negative_elbo(model, images.pixels()).item()


def our_training(data: DataSet, recipe: Recipe) -> Trained:
    """Train as ``vae-train create`` does."""
    started = time.perf_counter()
    trainer = make_trainer(data.train, recipe, CPU)
    list(trainer.epochs())
    seconds = time.perf_counter() - started
    return Trained(seconds, held_out_loss(cast("ConvVAE", trainer.model), data.test))


def conv_training_table(name: str = PARTS, epochs: int = EPOCHS) -> Table:
    """Measure the seconds to the textbook's lowest loss on a folder, or on made parts.

    Raise RuntimeError if ours does not reach it.
    """
    data = read_set(name)
    recipe = Recipe(**default_fields("conv", data))
    losses = list(textbook_training(data, recipe, epochs))
    textbook = min(losses, key=lambda trained: trained.loss)
    for count in range(1, MAX_EPOCHS + 1):
        ours = our_training(data, replace(recipe, epochs=count))
        if ours.loss <= textbook.loss:
            break
    else:
        raise RuntimeError(f"the loss is above {textbook.loss:,.0f} nats")
    rows = [
        [f"textbook, {losses.index(textbook) + 1} epochs", *cells(textbook, textbook)],
        [f"`vae-train create`, {count} epochs", *cells(ours, textbook)],
    ]
    return Table(
        f"Training of conv: {data.title.lower()}",
        "The loss is that of pictures that were not trained on, in nats an image. The "
        "textbook has the same network, batches and loss, and Adam with PyTorch's "
        f"defaults and a learning rate of {LEARNING_RATE:g}; its row is the best of "
        f"{epochs} epochs.",
        ["", "seconds", "loss", "textbook's seconds / seconds"],
        rows,
    )


def cells(trained: Trained, textbook: Trained) -> list[str]:
    """Return the cells of a row."""
    return [
        f"{trained.seconds:.1f}",
        f"{trained.loss:,.0f}",
        f"{textbook.seconds / trained.seconds:.1f}",
    ]


def conv_step_table() -> Table:
    """Measure a step of ours, and the network's part of it in several settings."""
    rows = []
    for channels, side in SHAPES:
        parts = aligned_parts(STEPS * BATCH_SIZE, side, seed=0)
        images = LabelledImages(parts.images[:, :channels], parts.labels)
        rows.append([f"{channels} x {side} x {side}", *step_cells(images)])
    return Table(
        "A step of training of conv",
        f"Milliseconds of a batch of {BATCH_SIZE}, medians of {REPEATS} alternating rounds, all "
        "cores; then those of the network alone, forward and backward: in channels-last "
        "order as we train it, in PyTorch's own order, in bfloat16 and on one thread.",
        ["", "step", "network", "share", "own order", "bfloat16", "one thread"],
        rows,
    )


def step_cells(images: LabelledImages) -> list[str]:
    """Return milliseconds of a step by setting, and the network's share of ours."""
    recipe = Recipe(
        network="conv",
        objective="gaussian",
        batch_size=BATCH_SIZE,
        learning_rate=1e-4,
        averaging=0.0,
        center_pixels=False,
        epochs=1,
        latent_size=64,
    )
    pixels = images.pixels()[:BATCH_SIZE]
    plain = cast("ConvVAE", recipe.make_network(images.image_shape))
    ordered = cast("ConvVAE", recipe.make_network(images.image_shape))
    ordered.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in PyTorch's types
    last = pixels.contiguous(memory_format=torch.channels_last)
    settings: dict[str, Callable[[], float]] = {
        "step": lambda: our_step(images, recipe),
        "network": lambda: pass_seconds(ordered, last),
        "own order": lambda: pass_seconds(plain, pixels),
        "bfloat16": lambda: rounded_seconds(ordered, last),
        "one thread": lambda: single_seconds(ordered, last),
    }
    times: dict[str, list[float]] = {name: [] for name in settings}
    for _ in range(REPEATS):
        for name, measure in settings.items():
            times[name].append(1000 * measure())
    medians = {name: statistics.median(each) for name, each in times.items()}
    step = medians.pop("step")
    network = medians.pop("network")
    numbers = [f"{value:.1f}" for value in medians.values()]
    return [f"{step:.1f}", f"{network:.1f}", f"{network / step:.0%}", *numbers]


def our_step(images: LabelledImages, recipe: Recipe) -> float:
    """Return the seconds of a step of training, the mean of an epoch."""
    trainer = make_trainer(images, recipe, CPU)
    started = time.perf_counter()
    list(trainer.epochs())
    return (time.perf_counter() - started) / STEPS


def pass_seconds(model: ConvVAE, pixels: Tensor) -> float:
    """Return the seconds of a forward and backward pass, with no loss in between."""
    with fast_products():
        for _ in range(WARM_UP_STEPS):
            run_network(model, pixels)
        started = time.perf_counter()
        for _ in range(STEPS):
            run_network(model, pixels)
        return (time.perf_counter() - started) / STEPS


def run_network(model: ConvVAE, pixels: Tensor) -> None:
    """Pass forward and backward."""
    mean, _ = model.encoder(pixels)
    model.decoder.logits(mean).sum().backward()


def rounded_seconds(model: ConvVAE, pixels: Tensor) -> float:
    """Return the seconds of ``pass_seconds`` in bfloat16 where PyTorch allows it."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return pass_seconds(model, pixels)


def single_seconds(model: ConvVAE, pixels: Tensor) -> float:
    """Return the seconds of ``pass_seconds`` with one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return pass_seconds(model, pixels)
    finally:
        torch.set_num_threads(threads)


def main(
    sets: Annotated[
        list[str] | None, typer.Argument(help="Folders; parts: made pictures.")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Of the textbook.")] = EPOCHS,
) -> None:
    """Print the tables."""
    keep_freed_memory()
    tables = [conv_step_table()]
    tables += [conv_training_table(name, epochs) for name in sets or [PARTS]]
    for table in tables:
        typer.echo("\n".join(table.lines()))


if __name__ == "__main__":
    typer.run(main)
