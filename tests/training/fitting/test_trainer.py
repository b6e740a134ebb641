"""Training falls, resumes exactly and stops cleanly."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.conftest import OTHER_CONTENTS, SMALL
from training.data.mnist import Digits
from training.fitting.gradient import set_gradients
from training.fitting.recipe import Recipe
from training.fitting.trainer import (
    Trainer,
    TrainingError,
    binarize,
    read_checkpoint,
    trained_model,
)
from training.network.objective import ObjectiveName

CPU = torch.device("cpu")
MUON = replace(SMALL, optimizer="muon", learning_rate=5e-2)


def equal(first: Any, second: Any) -> bool:  # a state of any depth
    """Tell whether two states are the same bit for bit."""
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(
            equal(first[key], second[key]) for key in first
        )
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(equal, first, second))
    return (
        torch.equal(first, second)
        if isinstance(first, torch.Tensor)
        else bool(first == second)
    )


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
def test_the_loss_falls(train_digits: Digits, recipe: Recipe) -> None:
    """Real training on real digits: each epoch's loss is well below the one before."""
    losses = [result.loss for result in Trainer(train_digits, recipe, CPU).epochs()]

    assert losses[0] * 0.9 > losses[1] > losses[2]


def test_centred_steps_are_those_of_an_encoder_that_sees_pixels_less_their_mean(
    train_digits: Digits,
) -> None:
    """Adam's first step is as long as the learning rate for each weight, by the sign of the gradient it is given."""
    recipe = replace(SMALL, epochs=1, batch_size=len(train_digits), center_pixels=True)
    trainer = Trainer(train_digits, recipe, CPU)
    mean_image, rate = trainer.pixels.mean(dim=0), recipe.learning_rate
    model = deepcopy(trainer.model)
    next(trainer.epochs())

    generator = torch.Generator().manual_seed(recipe.seed)
    pixels = trainer.pixels[torch.randperm(len(trainer.pixels), generator=generator)]
    noise = torch.randn((1, len(pixels), model.latent_size), generator=generator)
    set_gradients(model, trainer.objective, pixels, noise, generator)
    (before, bias_before), (after, bias_after) = (
        each.encoder.hidden.parameters() for each in (model, trainer.model)
    )
    assert before.grad is not None
    assert bias_before.grad is not None
    gradient = before.grad - torch.outer(bias_before.grad, mean_image)
    large = (
        gradient.abs() > 1e-4
    )  # a millionth of which Adam adds to what it divides by
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
    train_digits: Digits, tmp_path: Path, recipe: Recipe, epochs_before: int
) -> None:
    """Bit for bit: weights, averages, optimizers, random state."""
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


def test_the_seed_decides_the_run(train_digits: Digits) -> None:
    """Another seed gives another result; PyTorch's global random state is neither used nor changed."""
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
    train_digits: Digits, checkpoint: Path
) -> None:
    """Of the parts of the run before it was resumed, too: see the test above."""
    history = read_checkpoint(checkpoint)["history"]

    assert history == list(Trainer(train_digits, SMALL, CPU).epochs())
    assert [result.epoch for result in history] == [1, 2, 3]
    assert history[0].loss == pytest.approx(
        history[0].reconstruction_loss + history[0].kl_divergence
    )


def test_a_checkpoint_of_another_device_is_refused(
    train_digits: Digits, checkpoint: Path, tmp_path: Path
) -> None:
    """Its random generator cannot go on here."""
    state = torch.load(checkpoint, weights_only=True)
    torch.save({**state, "device": "cuda"}, tmp_path / "other.pt")
    with pytest.raises(
        TrainingError, match=r"other\.pt was made with device cuda, not cpu"
    ):
        Trainer(train_digits, SMALL, CPU).resume(tmp_path / "other.pt")


def test_matrices_are_muons_and_biases_adams(train_digits: Digits) -> None:
    """In a first step, Adam moves all numbers as far, and Muon moves a matrix as far in all directions."""
    before = Trainer(train_digits, MUON, CPU).model.state_dict()
    trainer = Trainer(
        train_digits, replace(MUON, epochs=1, batch_size=512, averaging=0.0), CPU
    )
    list(trainer.epochs())
    moved = {
        name: (value - before[name]) / MUON.learning_rate
        for name, value in trainer.model.state_dict().items()
    }

    assert [
        value.abs().median() for name, value in moved.items() if name.endswith("bias")
    ] == pytest.approx([1] * 5, abs=0.01)
    values = torch.linalg.svdvals(moved["decoder.hidden.weight"])
    assert values.max() < 3 * values.min()


def test_the_last_biases_can_start_at_the_mean_image(train_digits: Digits) -> None:
    """The first images are near the mean of all, and the first epoch's loss is lower."""
    recipe = replace(SMALL, epochs=1, objective="bernoulli", mean_pixel_bias=True)
    trainer = Trainer(train_digits, recipe, CPU)
    images = torch.sigmoid(trainer.model.decoder.output.bias).reshape(1, 28, 28)
    assert torch.allclose(images, train_digits.pixels().mean(dim=0), atol=0.0011)

    (result,) = trainer.epochs()
    (without,) = Trainer(
        train_digits, replace(recipe, mean_pixel_bias=False), CPU
    ).epochs()
    assert result.loss < without.loss


def test_a_checkpoint_of_another_recipe_is_not_resumed(
    train_digits: Digits, checkpoint: Path
) -> None:
    """The message says what differs."""
    trainer = Trainer(train_digits.first(100), replace(SMALL, c=1.0), CPU)
    with pytest.raises(
        TrainingError, match=r"was made with c 16\.0, not 1\.0; images 512, not 100"
    ):
        trainer.resume(checkpoint)


@pytest.mark.parametrize("content", OTHER_CONTENTS)
def test_a_file_that_is_no_checkpoint_is_refused_by_name(
    tmp_path: Path, content: bytes
) -> None:
    """Whatever is in it."""
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(content)
    with pytest.raises(
        TrainingError, match=r"checkpoint\.pt is not a checkpoint of this program"
    ):
        read_checkpoint(path)


def test_a_checkpoint_of_another_format_is_refused(tmp_path: Path) -> None:
    """The format has a version."""
    torch.save({"format": 99}, tmp_path / "checkpoint.pt")
    with pytest.raises(TrainingError, match="of format 99, not 2"):
        trained_model(tmp_path / "checkpoint.pt")


@pytest.mark.parametrize("objective", ["squared-error", "importance-weighted"])
def test_a_loss_that_is_not_finite_stops_the_run(
    train_digits: Digits, objective: ObjectiveName
) -> None:
    """Nothing is saved of it, and the message says what to do."""
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


def test_averaged_weights_lag_behind(train_digits: Digits, checkpoint: Path) -> None:
    """What is exported is the average; with a decay of 0 it is the last weights."""
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


def test_an_average_forgets_as_much_where_an_epoch_has_one_step(
    train_digits: Digits,
) -> None:
    """The decay is that of a step, however many steps lie between two looks at the weights."""
    trainer = Trainer(
        train_digits, replace(SMALL, epochs=2, batch_size=512, averaging=0.75), CPU
    )
    first, second = [
        deepcopy(trainer.model.decoder.output.weight) for _ in trainer.epochs()
    ]
    averaged = trainer.averaged.module.decoder.output.weight  # type: ignore[union-attr]  # the model's

    torch.testing.assert_close(averaged, 0.75 * first + 0.25 * second)


def test_training_leaves_the_precision_of_products_as_it_was(
    train_digits: Digits,
) -> None:
    """Export compares with PyTorch at full precision, in whatever process has trained before."""
    before = torch.get_float32_matmul_precision()
    within = [
        torch.get_float32_matmul_precision()
        for _ in Trainer(train_digits, SMALL, CPU).epochs()
    ]

    assert within == [before] * SMALL.epochs
    assert torch.get_float32_matmul_precision() == before == "highest"


def test_the_learning_rate_falls_along_a_cosine(train_digits: Digits) -> None:
    """Full at the start, half in the middle, nothing at the end."""
    trainer = Trainer(train_digits, MUON, CPU)
    rates = []
    for epochs_done in (0, 1.5, 3):
        trainer.set_learning_rate(epochs_done)
        rates.append(
            [optimizer.param_groups[0]["lr"] for optimizer in trainer.optimizers]
        )

    assert rates == [pytest.approx([rate, rate]) for rate in (5e-2, 2.5e-2, 0)]


def test_binarized_pixels_are_white_as_often_as_they_are_bright() -> None:
    """A pixel is the probability of white; black stays black and white stays white."""
    pixels = torch.tensor([[0.0, 0.25, 1.0]]).expand(100_000, 3)
    drawn = binarize(pixels, torch.Generator().manual_seed(0))

    assert set(drawn.unique().tolist()) == {0.0, 1.0}
    assert drawn.mean(dim=0).tolist() == pytest.approx([0, 0.25, 1], abs=0.01)
