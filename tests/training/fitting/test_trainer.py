"""The loss falls, runs resume exactly, and a diverging run stops."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.conftest import CPU, MUON, SMALL, mlp_of
from training.data.images import LabelledImages
from training.fitting.checkpoint import read_checkpoint
from training.fitting.errors import TrainingError
from training.fitting.gradient import set_gradients
from training.fitting.recipe import Recipe
from training.fitting.trainer import Trainer
from training.network.objective import ObjectiveName


def equal(first: Any, second: Any) -> bool:  # states nested to any depth
    """Return whether two states are bit-identical."""
    if isinstance(first, dict):
        same_keys = first.keys() == second.keys()
        return same_keys and all(equal(first[key], second[key]) for key in first)
    if isinstance(first, list | tuple):
        same_length = len(first) == len(second)
        return same_length and all(map(equal, first, second))
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    return bool(first == second)


@pytest.mark.parametrize(
    "recipe",
    [
        SMALL,
        MUON,
        replace(SMALL, objective="bernoulli"),
        replace(SMALL, objective="bernoulli", binarize=True, schedule="constant"),
        replace(
            SMALL, objective="importance-weighted", importance_samples=3, binarize=True
        ),
        replace(SMALL, hidden_size=100, latent_size=10),
        replace(SMALL, center_pixels=True),
    ],
)
def test_the_loss_falls(train_digits: LabelledImages, recipe: Recipe) -> None:
    """The loss of each epoch on real digits is below that of the epoch before."""
    losses = [result.loss for result in Trainer(train_digits, recipe, CPU).epochs()]

    assert losses[0] * 0.9 > losses[1] > losses[2]


def test_centered_steps_are_those_of_centered_inputs(
    train_digits: LabelledImages,
) -> None:
    """The encoder is updated as if its inputs were pixels minus the mean image.

    Adam's first step moves each weight by the learning rate, against the sign of its
    gradient.
    """
    recipe = replace(SMALL, epochs=1, batch_size=len(train_digits), center_pixels=True)
    trainer = Trainer(train_digits, recipe, CPU)
    mean_image, rate = trainer.pixels.mean(dim=0), recipe.learning_rate
    model = deepcopy(mlp_of(trainer))
    next(trainer.epochs())

    generator = torch.Generator().manual_seed(recipe.seed)
    pixels = trainer.pixels[torch.randperm(len(trainer.pixels), generator=generator)]
    noise = torch.randn((1, len(pixels), model.latent_size), generator=generator)
    set_gradients(model, trainer.objective, pixels, noise, generator)
    (before, bias_before), (after, bias_after) = (
        each.encoder.hidden.parameters() for each in (model, mlp_of(trainer))
    )
    assert before.grad is not None
    assert bias_before.grad is not None
    gradient = before.grad - torch.outer(bias_before.grad, mean_image)
    # Adam's epsilon, 1e-8, is negligible beside such gradients.
    large = gradient.abs() > 1e-4
    torch.testing.assert_close(
        (after - before)[large], -rate * gradient[large].sign(), rtol=1e-3, atol=1e-6
    )
    biases_before, biases_after = (
        bias_before + before @ mean_image,
        bias_after + after @ mean_image,
    )
    torch.testing.assert_close(
        biases_after - biases_before,
        -rate * bias_before.grad.sign(),
        rtol=1e-3,
        atol=1e-6,
    )


@pytest.mark.parametrize("recipe", [SMALL, MUON])
@pytest.mark.parametrize("epochs_before", [1, 2])
def test_a_resumed_run_equals_an_uninterrupted_one(
    train_digits: LabelledImages, tmp_path: Path, recipe: Recipe, epochs_before: int
) -> None:
    """Weights, averages, optimizers and random state are bit-identical."""
    first = Trainer(train_digits, recipe, CPU)
    for result in first.epochs():
        first.save(tmp_path / f"{result.epoch}.pt")
    second = Trainer(train_digits, recipe, CPU)
    second.resume(tmp_path / f"{epochs_before}.pt")
    for _ in second.epochs():
        second.save(tmp_path / "resumed.pt")

    assert second.epochs_done == recipe.epochs
    assert equal(
        read_checkpoint(tmp_path / "resumed.pt"), read_checkpoint(tmp_path / "3.pt")
    )


@pytest.mark.parametrize("recipe", [SMALL, MUON])
def test_a_constant_schedule_is_extended_exactly(
    train_digits: LabelledImages, tmp_path: Path, recipe: Recipe
) -> None:
    """A finished run resumed with more epochs equals a single longer run."""
    recipe = replace(recipe, schedule="constant")
    short = Trainer(train_digits, replace(recipe, epochs=1), CPU)
    list(short.epochs())
    short.save(tmp_path / "short.pt")
    resumed = Trainer(train_digits, recipe, CPU)
    resumed.resume(tmp_path / "short.pt")
    list(resumed.epochs())
    resumed.save(tmp_path / "resumed.pt")
    single = Trainer(train_digits, recipe, CPU)
    list(single.epochs())
    single.save(tmp_path / "single.pt")

    states = [
        read_checkpoint(tmp_path / f"{name}.pt") for name in ("resumed", "single")
    ]
    assert resumed.epochs_done == 3
    assert equal(*states)


def test_a_cosine_schedule_is_stretched(
    train_digits: LabelledImages, checkpoint: Path
) -> None:
    """The learning rate continues at its value in a run of the new length."""
    trainer = Trainer(train_digits, replace(SMALL, epochs=6), CPU)
    earlier = trainer.resume(checkpoint)

    assert (earlier.epochs, trainer.epochs_done) == (3, 3)
    assert trainer.learning_rate(3) == pytest.approx(SMALL.learning_rate / 2)
    assert [result.epoch for result in trainer.epochs()] == [4, 5, 6]


def test_a_checkpoint_with_more_epochs_done_is_rejected(
    train_digits: LabelledImages, checkpoint: Path
) -> None:
    """A run cannot end before the epoch that it resumes from."""
    trainer = Trainer(train_digits, replace(SMALL, epochs=2), CPU)
    with pytest.raises(TrainingError, match="has 3 epochs done, more than 2"):
        trainer.resume(checkpoint)


def test_the_seed_decides_the_run(train_digits: LabelledImages) -> None:
    """Another seed gives another result; the global random state has no influence.

    Nor is it changed.
    """
    recipe = replace(SMALL, epochs=1)
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    (first,) = Trainer(train_digits, recipe, CPU).epochs()
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(2)
    (second,) = Trainer(train_digits, recipe, CPU).epochs()
    (other,) = Trainer(train_digits, replace(recipe, seed=1), CPU).epochs()

    assert first == second
    assert first != other


def test_a_checkpoint_keeps_every_epochs_losses(
    train_digits: LabelledImages, checkpoint: Path
) -> None:
    """The history has one result an epoch, from the first to the last."""
    history = read_checkpoint(checkpoint)["history"]

    assert history == list(Trainer(train_digits, SMALL, CPU).epochs())
    assert [result.epoch for result in history] == [1, 2, 3]
    assert history[0].loss == pytest.approx(
        history[0].reconstruction_loss + history[0].kl_divergence
    )


def test_a_checkpoint_of_another_device_is_rejected(
    train_digits: LabelledImages, checkpoint: Path, tmp_path: Path
) -> None:
    """The state of a random generator is valid on its own kind of device only."""
    state = torch.load(checkpoint, weights_only=True)
    torch.save({**state, "device": "cuda"}, tmp_path / "other.pt")
    with pytest.raises(
        TrainingError, match=r"other\.pt was made with device cuda, not cpu"
    ):
        Trainer(train_digits, SMALL, CPU).resume(tmp_path / "other.pt")


def test_the_last_biases_can_start_at_the_mean_image(
    train_digits: LabelledImages,
) -> None:
    """The first images are close to the mean image; the first epoch's loss is lower."""
    recipe = replace(SMALL, epochs=1, objective="bernoulli", mean_pixel_bias=True)
    trainer = Trainer(train_digits, recipe, CPU)
    images = torch.sigmoid(mlp_of(trainer).decoder.output.bias).reshape(1, 28, 28)
    assert torch.allclose(images, train_digits.pixels().mean(dim=0), atol=0.0011)

    (result,) = trainer.epochs()
    (without,) = Trainer(
        train_digits, replace(recipe, mean_pixel_bias=False), CPU
    ).epochs()
    assert result.loss < without.loss


def test_a_checkpoint_of_another_recipe_is_not_resumed(
    train_digits: LabelledImages, checkpoint: Path
) -> None:
    """The message lists the differences."""
    trainer = Trainer(train_digits.first(100), replace(SMALL, c=1.0), CPU)
    with pytest.raises(
        TrainingError, match=r"was made with c 16\.0, not 1\.0; images 512, not 100"
    ):
        trainer.resume(checkpoint)


@pytest.mark.parametrize("objective", ["squared-error", "importance-weighted"])
def test_a_loss_that_is_not_finite_stops_the_run(
    train_digits: LabelledImages, objective: ObjectiveName
) -> None:
    """The epoch is not counted, and the message says what to change."""
    trainer = Trainer(
        train_digits,
        replace(SMALL, objective=objective, learning_rate=1e30, schedule="constant"),
        CPU,
    )
    with pytest.raises(
        TrainingError, match="not finite in epoch 1: try a lower learning rate"
    ):
        list(trainer.epochs())
    assert (trainer.epochs_done, trainer.history) == (0, [])


@pytest.mark.parametrize("learning_rate", [1.0, 1e8])
def test_an_epoch_whose_last_step_diverges_is_not_counted(
    train_digits: LabelledImages, learning_rate: float
) -> None:
    """Its loss is finite, but outputs of its weights are infinite or senseless."""
    recipe = replace(
        SMALL, batch_size=512, learning_rate=learning_rate, schedule="constant"
    )
    trainer = Trainer(train_digits, recipe, CPU)
    with pytest.raises(
        TrainingError, match="training diverged in epoch 1: try a lower learning rate"
    ):
        list(trainer.epochs())

    assert (trainer.epochs_done, trainer.history) == (0, [])


def test_averaged_weights_lag_behind(
    train_digits: LabelledImages, checkpoint: Path
) -> None:
    """The averaged weights differ from the last; with a decay of 0 they are equal."""
    state = read_checkpoint(checkpoint)
    assert not torch.equal(
        state["averaged"]["module.decoder.output.weight"],
        state["model"]["decoder.output.weight"],
    )

    trainer = Trainer(train_digits, replace(SMALL, epochs=1, averaging=0.0), CPU)
    list(trainer.epochs())
    assert equal(
        dict(trainer.averaged.module.state_dict()), dict(trainer.model.state_dict())
    )


def test_the_averages_decay_does_not_depend_on_its_interval(
    train_digits: LabelledImages,
) -> None:
    """The decay is per step, however many steps lie between two updates."""
    trainer = Trainer(
        train_digits, replace(SMALL, epochs=2, batch_size=512, averaging=0.75), CPU
    )
    first, second = [
        deepcopy(mlp_of(trainer).decoder.output.weight) for _ in trainer.epochs()
    ]
    averaged = trainer.averaged.module.decoder.output.weight  # type: ignore[union-attr]  # the model's

    torch.testing.assert_close(averaged, 0.75 * first + 0.25 * second)


def test_the_learning_rate_falls_along_a_cosine(train_digits: LabelledImages) -> None:
    """The learning rate is full at the start, half in the middle, 0 at the end."""
    trainer = Trainer(train_digits, MUON, CPU)
    rates = []
    for epochs_done in (0, 1.5, 3):
        trainer.set_learning_rate(epochs_done)
        rates.append(
            [optimizer.param_groups[0]["lr"] for optimizer in trainer.optimizers]
        )

    assert rates == [pytest.approx([rate, rate]) for rate in (5e-2, 2.5e-2, 0)]
