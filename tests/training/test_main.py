"""The command line, from digits to pictures, on the digits that travel with the tests."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
from PIL import Image

from tests.conftest import SAMPLE
from tests.samples import DATA, MODEL, REPOSITORY
from training.__main__ import choose_device, main
from training.artifact.exported_model import ExportedModel
from training.data.mnist import DataSource
from training.evaluation.classifier import accuracy, read_classifier
from training.fitting.recipe import Recipe
from training.fitting.trainer import TrainingError, read_checkpoint


class Command:
    """Runs the command line in this process; keeps the exit code and what was printed."""

    def __init__(self, source: DataSource, capsys: pytest.CaptureFixture[str]) -> None:
        self.source = source
        self.capsys = capsys

    def __call__(self, *arguments: object) -> tuple[int, str, str]:
        """Give exit code, standard output and standard error."""
        with pytest.raises(SystemExit) as end:
            main(self.source, [str(argument) for argument in arguments])
        printed = self.capsys.readouterr()
        return int(end.value.code or 0), printed.out, printed.err


@pytest.fixture
def command(source: DataSource, capsys: pytest.CaptureFixture[str]) -> Command:
    """The command line on the sample."""
    return Command(source, capsys)


def test_from_digits_to_pictures(command: Command, tmp_path: Path) -> None:
    """Train, stop, resume, export, evaluate, summary and demo, each with its exit code and its word."""
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
    assert command(*train) == (
        1,
        "",
        f"error: {checkpoint} exists: --resume goes on from it; remove it to start anew\n",
    )
    assert "2 of 2 epochs done" in command(*train, "--resume")[1]

    code, out, _ = command(
        "export", "--checkpoint", checkpoint, "--model", model, "--data", DATA
    )
    assert code == 0
    assert "over 1000 test digits" in out

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
    """Width and height of a picture that is not all of one shade."""
    with Image.open(path) as image:
        grey = np.asarray(image.convert("L"))
    assert int(grey.max()) - int(grey.min()) > 100
    return image.size


def test_a_recipe_gives_what_flags_do_not(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Flags win, other fields have their defaults, and the run is kept under the recipe's name."""
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


def test_a_recipes_values_are_checked_as_flags_are(
    command: Command, tmp_path: Path
) -> None:
    """The message names the flag."""
    (tmp_path / "bad.toml").write_text("epochs = 0\n")
    code, _, err = command("train", "--recipe", tmp_path / "bad.toml", "--data", DATA)

    assert code == 2
    assert "--epochs" in err


def test_the_classifier_is_trained_by_one_command(
    command: Command, tmp_path: Path
) -> None:
    """And measured on the test digits."""
    code, out, _ = command(
        "classifier", "--output", tmp_path / "judge.pt", "--data", DATA
    )

    assert code == 0
    assert re.search(r"judge\.pt: tells \d\d\.\d\d% of the test digits", out)
    assert (
        accuracy(read_classifier(tmp_path / "judge.pt"), SAMPLE.load("t10k", DATA))
        > 0.9
    )


def test_losses_go_to_tensorboard_when_asked(command: Command, tmp_path: Path) -> None:
    """Into the folder named."""
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


def test_summary_prints_what_the_demo_prints(command: Command) -> None:
    """The shipped model, layer by layer."""
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
    """Both say the same of the shipped model."""
    model = ExportedModel(MODEL)

    assert model.layers().to_card() == model.card["architecture"]
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
    """Exit code 2 and the option's name."""
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
            "513 digits asked for",
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
            "60000 digits asked for, 512 are there",
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
def test_what_is_missing_is_said_in_one_line(
    command: Command,
    exported: Path,
    tmp_path: Path,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    """Exit code 1, no traceback, and before long work; nothing is said to be done."""
    copytree(exported, tmp_path, dirs_exist_ok=True)
    code, out, err = command(*(argument.format(tmp=tmp_path) for argument in arguments))

    assert (code, out) == (1, "")
    assert message in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "name", ["train", "export", "classifier", "evaluate", "summary", "demo"]
)
def test_every_command_has_help(command: Command, name: str) -> None:
    """Options and defaults."""
    code, out, _ = command(name, "--help")

    assert code == 0
    assert "Usage: python -m training" in out


def test_a_device_that_is_not_there_is_refused() -> None:
    """Asking for it is not taken as a wish."""
    if choose_device("auto").type == "cpu":
        with pytest.raises(TrainingError, match="--device cuda"):
            choose_device("cuda")
    assert choose_device("cpu").type == "cpu"


def test_ctrl_c_leaves_the_last_checkpoint_whole(tmp_path: Path) -> None:
    """A real process on a run without end is interrupted; what it leaves can be read and resumed."""
    checkpoint = tmp_path / "checkpoint.pt"
    program = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"  # a shell's job may ignore it
        "from tests.conftest import SAMPLE; from training.__main__ import main; main(SAMPLE, sys.argv[1:])"
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
    while "epoch 5/" not in process.stdout.readline():
        assert time.monotonic() < deadline
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)

    assert process.returncode == 130
    assert "of 1000000 epochs done" in out
    assert "Traceback" not in out
    assert read_checkpoint(checkpoint)["epochs_done"] >= 5
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]
