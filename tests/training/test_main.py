"""The command line, from digits to pictures, on the sample in the repository."""

import errno
import io
import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
import torch
from PIL import Image

from tests.conftest import SAMPLE
from tests.samples import DATA, MODEL, REPOSITORY
from tests.training.command import Command
from training.artifact.exported_model import ExportedModel
from training.evaluation.classifier import accuracy, read_classifier
from training.fitting.checkpoint import read_checkpoint
from training.fitting.errors import TrainingError
from training.fitting.recipe import Recipe
from training.fitting.run import choose_device


def test_from_digits_to_pictures(command: Command, tmp_path: Path) -> None:
    """Train, resume, export, evaluate and demo work in sequence and report results."""
    checkpoint, model = tmp_path / "run" / "checkpoint.pt", tmp_path / "small"
    train = (
        "train",
        "--checkpoint",
        checkpoint,
        "--data",
        DATA,
        "--train-size",
        256,
        "--epochs",
        2,
    )

    code, out, _ = command(*train)
    assert code == 0
    assert "epoch 2/2: loss" in out
    assert read_checkpoint(checkpoint)["images"] == 256
    exists = (
        f"{checkpoint} exists: continue it with --resume, or remove it to start again\n"
    )
    assert command(*train) == (
        1,
        "",
        f"error: {exists}",
    )
    assert "2 of 2 epochs done" in command(*train, "--resume")[1]

    code, out, _ = command(
        "export", "--checkpoint", checkpoint, "--model", model, "--data", DATA
    )
    assert code == 0
    assert "over 1000 test images" in out

    judge = tmp_path / "classifier.pt"
    evaluate = ("evaluate", "--model", model, "--data", DATA, "--classifier", judge)
    code, out, _ = command(*evaluate, "--test-size", 500)
    assert code == 0
    assert "squared error per pixel" in out
    assert judge.exists()
    assert (
        json.loads((model / "model.json").read_text())["quality"]["test_images"] == 500
    )

    folder, unmeasured = tmp_path / "plots", tmp_path / "unmeasured"
    command(
        "export",
        "--checkpoint",
        checkpoint,
        "--model",
        unmeasured,
        "--data",
        DATA,
        "--test-size",
        10,
    )
    assert command(*evaluate, "--beside", unmeasured)[::2] == (
        1,
        f"error: {unmeasured} has no measures: evaluate it first\n",
    )
    code, out, _ = command(
        *evaluate,
        "--held-out",
        "--plots",
        folder,
        "--checkpoint",
        checkpoint,
        "--beside",
        MODEL,
    )
    assert code == 0
    quality = json.loads((model / "model.json").read_text())["quality"]
    assert (quality["split"], quality["test_images"]) == ("held-out", 256)
    assert sorted(path.name for path in folder.iterdir()) == [
        "interpolations.png",
        "latent-map.png",
        "loss.png",
        "prior.png",
        "rate-distortion.png",
        "reconstructions.png",
        "samples.png",
    ]
    assert all(look(path) for path in folder.iterdir())

    code, out, _ = command(
        "demo", "--model", model, "--data", DATA, "--output", tmp_path / "demo"
    )
    assert code == 0
    pictures = [Path(line) for line in out.split()]
    assert [path.name for path in pictures] == [
        "reconstruction.png",
        "interpolation.png",
        "prior.png",
    ]
    for path in pictures:
        width, height = look(path)
        assert width > height * 1.2


def look(path: Path) -> tuple[int, int]:
    """Return width and height of a picture, checked to have contrast."""
    with Image.open(path) as image:
        grey = np.asarray(image.convert("L"))
    assert int(grey.max()) - int(grey.min()) > 100
    return image.size


def test_a_cosine_run_resumed_with_more_epochs_warns(
    command: Command, tmp_path: Path
) -> None:
    """The schedule changes, and the result is not that of a single run."""
    train = ("train", "--checkpoint", tmp_path / "c.pt", "--data", DATA)
    command(*train, "--epochs", 1)
    code, out, err = command(*train, "--epochs", 2, "--resume")

    assert code == 0
    assert "2 of 2 epochs done" in out
    assert err.startswith("warning: the cosine schedule now ends at epoch 2, not 1: ")
    assert "learning rate 0.005" in err


def test_a_constant_run_resumed_with_more_epochs_does_not_warn(
    command: Command, tmp_path: Path
) -> None:
    """The result is that of a single run."""
    train = ("train", "--checkpoint", tmp_path / "c.pt", "--data", DATA)
    command(*train, "--schedule", "constant", "--epochs", 1)
    _, out, err = command(*train, "--schedule", "constant", "--epochs", 2, "--resume")

    assert "2 of 2 epochs done" in out
    assert "schedule" not in err


def test_a_collapsed_posterior_is_reported(command: Command, tmp_path: Path) -> None:
    """Training and export warn if the KL divergence is about 0."""
    checkpoint, model = tmp_path / "c.pt", tmp_path / "model"
    recipe = ("--c", "0.001", "--batch-size", 32, "--epochs", 3)
    code, _, err = command("train", "--checkpoint", checkpoint, "--data", DATA, *recipe)
    assert code == 0
    assert "warning: posterior collapse: " in err

    code, _, err = command(
        "export", "--checkpoint", checkpoint, "--model", model, "--data", DATA
    )
    assert code == 0
    assert "warning: posterior collapse: " in err


def test_a_diverged_checkpoint_is_not_exported(
    command: Command, checkpoint: Path, tmp_path: Path
) -> None:
    """The error says so, and the model exported before is left unchanged."""
    state = torch.load(checkpoint, weights_only=True)
    state["averaged"]["module.encoder.mean.weight"].fill_(math.nan)
    torch.save(state, tmp_path / "diverged.pt")
    (tmp_path / "model.json").write_text("before")
    code, out, err = command(
        *("export", "--checkpoint", tmp_path / "diverged.pt"),
        *("--model", tmp_path, "--data", DATA, "--test-size", 10),
    )

    assert (code, out) == (1, "")
    assert "diverged.pt: training diverged" in err
    assert err.count("\n") == 1
    assert (tmp_path / "model.json").read_text() == "before"
    assert not (tmp_path / "encoder.onnx").exists()


def test_an_error_survives_a_standard_error_that_cannot_be_written(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exit code is 1 all the same."""

    class FullStream(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sys, "stderr", FullStream())
    code, _, _ = command("summary", "--model", "nowhere")

    assert code == 1


def test_a_recipe_file_sets_the_defaults_of_options(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Options override the file, the rest is default; the run has the file's name."""
    monkeypatch.chdir(tmp_path)
    Path("grey.toml").write_text(
        'objective = "bernoulli"\nepochs = 5\nbatch_size = 128\n'
    )
    code, _, _ = command(
        "train",
        "--recipe",
        "grey.toml",
        "--data",
        DATA,
        "--train-size",
        64,
        "--epochs",
        1,
    )

    assert code == 0
    state = read_checkpoint(tmp_path / "runs" / "grey" / "checkpoint.pt")
    assert state["recipe"] == Recipe(objective="bernoulli", epochs=1, batch_size=128)


def test_a_recipe_files_values_are_checked_like_options(
    command: Command, tmp_path: Path
) -> None:
    """A value out of bounds is reported like an option's, by the option's name."""
    (tmp_path / "bad.toml").write_text("epochs = 0\n")
    code, _, err = command("train", "--recipe", tmp_path / "bad.toml", "--data", DATA)

    assert code == 2
    assert "--epochs" in err


def test_the_classifier_is_trained_by_one_command(
    command: Command, tmp_path: Path
) -> None:
    """It is saved, and its accuracy on the test digits is printed."""
    code, out, _ = command(
        "classifier", "--output", tmp_path / "judge.pt", "--data", DATA
    )

    assert code == 0
    assert re.search(r"judge\.pt: accuracy \d\d\.\d\d% on the test digits", out)
    assert (
        accuracy(read_classifier(tmp_path / "judge.pt"), SAMPLE.load("t10k", DATA))
        > 0.9
    )


def test_losses_are_written_for_tensorboard(command: Command, tmp_path: Path) -> None:
    """An event file is written to the named folder."""
    options = (
        "--checkpoint",
        tmp_path / "c.pt",
        "--epochs",
        1,
        "--tensorboard",
        tmp_path / "board",
    )
    code, _, _ = command("train", "--data", DATA, *options)

    assert code == 0
    assert [path.name.split(".")[:3] for path in (tmp_path / "board").iterdir()] == [
        ["events", "out", "tfevents"]
    ]


def test_summary_prints_the_architecture(command: Command) -> None:
    """The output is the shipped model's architecture, layer by layer."""
    code, out, _ = command("summary", "--model", MODEL)

    assert code == 0
    assert out.startswith(
        "-------------------- VARIATIONAL AUTOENCODER (VAE) --------------------\n\n"
    )
    assert "TOTAL PARAMETERS = 427344\n" in out
    assert (
        "###############\n"
        "#   SAMPLER   #\n"
        "###############\n"
        "\n"
        "*** MEAN Layer: ***\n"
        "---------------------------\n"
        "DENSE 256 -> 32 [Identity]\n"
        "---------------------------\n"
        "Total parameters: 8224\n"
        "---> WEIGHTS: (32, 256)\n"
        "---> BIASES: (32,)\n"
        "---------------------------\n"
    ) in out
    assert [line for line in out.splitlines() if line.startswith("DENSE")] == [
        "DENSE 784 -> 256 [ReLU]",
        "DENSE 256 -> 32 [Identity]",
        "DENSE 256 -> 32 [Identity]",
        "DENSE 32 -> 256 [ReLU]",
        "DENSE 256 -> 784 [Sigmoid]",
    ]


def test_the_summary_is_read_from_the_graphs_and_the_card_agrees() -> None:
    """Both have the same layers and parameters for the shipped model."""
    model = ExportedModel(MODEL)

    assert model.layers().to_card() == model.card["layers"]
    assert model.layers().parameters == model.card["parameters"] == 427_344


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "--epochs", "0"), "--epochs"),
        (("train", "--objective", "hinge"), "--objective"),
        (("train", "--averaging", "1"), "--averaging"),
        (("train", "--c", "many"), "--c"),
        (("train", "--device", "tpu"), "--device"),
        (("train", "--spechs", "3"), "--spechs"),
        (("paint",), "paint"),
    ],
)
def test_a_bad_argument_is_named(
    command: Command, arguments: tuple[str, ...], message: str
) -> None:
    """The exit code is 2, and the message has the option's name."""
    code, _, err = command(*arguments)

    assert code == 2
    assert message in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("train", "--data", "nowhere", "--checkpoint", "{tmp}/c.pt"),
            "nowhere has neither",
        ),
        (
            (
                "train",
                "--data",
                str(DATA),
                "--train-size",
                "513",
                "--checkpoint",
                "{tmp}/c.pt",
            ),
            "513 images asked for",
        ),
        (
            (
                "export",
                "--checkpoint",
                "{tmp}/c.pt",
                "--model",
                "{tmp}",
                "--data",
                str(DATA),
            ),
            "No such file",
        ),
        (
            (
                "train",
                "--checkpoint",
                f"{__file__}/c.pt",
                "--data",
                str(DATA),
                "--epochs",
                "1",
            ),
            "test_main.py",
        ),
        (
            ("classifier", "--output", f"{__file__}/c.pt", "--data", str(DATA)),
            "test_main.py",
        ),
        (
            ("train", "--checkpoint", "{tmp}/c.pt", "--learning-rate", "nan"),
            "learning_rate must be finite; is nan",
        ),
        (
            ("summary", "--model", "{tmp}/nothing"),
            "model.json is not a readable model card",
        ),
        (
            ("evaluate", "--model", "{tmp}/nothing", "--data", str(DATA)),
            "model.json is not a readable model card",
        ),
        (
            (
                "evaluate",
                "--model",
                str(MODEL),
                "--data",
                str(DATA),
                "--fashion",
                "nowhere",
            ),
            "nowhere has neither",
        ),
        (
            ("evaluate", "--model", str(MODEL), "--data", str(DATA)),
            "60000 images asked for, 512 are there",
        ),
        (
            (
                "evaluate",
                "--model",
                "{tmp}",
                "--data",
                str(DATA),
                "--classifier",
                "{tmp}/none.pt",
                "--test-size",
                "99",
            ),
            "at least 100 training and 100 test digits: found 512 and 99",
        ),
        (
            (
                "evaluate",
                "--model",
                "{tmp}",
                "--data",
                str(DATA),
                "--plots",
                f"{__file__}/plots",
            ),
            "test_main.py",
        ),
        (
            ("train", "--recipe", "{tmp}/r.toml", "--data", str(DATA)),
            "r.toml is not a readable recipe",
        ),
    ],
)
def test_a_users_error_is_one_line(
    command: Command,
    exported: Path,
    tmp_path: Path,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    """The exit code is 1, without a traceback, and nothing is on standard output."""
    copytree(exported, tmp_path, dirs_exist_ok=True)
    code, out, err = command(*(argument.format(tmp=tmp_path) for argument in arguments))

    assert (code, out) == (1, "")
    assert message in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1


def test_every_field_of_the_recipe_is_an_option(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``train --help`` lists each field with its default."""
    monkeypatch.setenv("COLUMNS", "250")
    _, out, _ = command("train", "--help")

    for field in fields(Recipe):
        name = field.name.replace("_", "-")
        default = field.default
        if isinstance(default, bool):
            default = name if default else f"no-{name}"
        assert re.search(rf"--{name} .*\[default: {default}\]", out)


@pytest.mark.parametrize(
    "name", ["train", "export", "classifier", "evaluate", "summary", "demo"]
)
def test_every_command_has_help(command: Command, name: str) -> None:
    """``--help`` prints the usage."""
    code, out, _ = command(name, "--help")

    assert code == 0
    assert "Usage: python -m training" in out


def test_a_missing_device_is_an_error() -> None:
    """A requested device is not replaced by another."""
    if choose_device("auto").type == "cpu":
        with pytest.raises(TrainingError, match="--device cuda"):
            choose_device("cuda")
    assert choose_device("cpu").type == "cpu"


def test_ctrl_c_leaves_the_last_checkpoint_whole(tmp_path: Path) -> None:
    """An interrupted process leaves a readable checkpoint and no other file."""
    checkpoint = tmp_path / "checkpoint.pt"
    program = (
        # A background job of a shell may ignore SIGINT.
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from tests.conftest import SAMPLE; from training.__main__ import main;"
        "main(SAMPLE, sys.argv[1:])"
    )
    arguments = [
        "train",
        "--checkpoint",
        checkpoint,
        "--data",
        DATA,
        "--epochs",
        "1000000",
        "--train-size",
        "64",
    ]
    process = subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    deadline = time.monotonic() + 60
    epoch = 0
    while epoch < 5:
        assert time.monotonic() < deadline
        if found := re.search(r"epoch (\d+)/", process.stdout.readline()):
            epoch = int(found[1])
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)

    assert process.returncode == 130
    assert "of 1000000 epochs done" in out
    assert "Traceback" not in out
    assert read_checkpoint(checkpoint)["epochs_done"] >= 5
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]
