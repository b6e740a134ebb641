"""One command from a folder of pictures to a model that the service reads."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from service.model.onnx_autoencoder import OnnxAutoencoder
from tests.samples import DATA
from tests.training.command import Command
from tests.training.data.folders import png, pngs, write_tree
from training.creation.create import default_fields
from training.creation.pictures import is_picture_folder
from training.creation.result import JITTER_HINT
from training.data.image_format import ImageFormat
from training.fitting.trainer import Trainer

TREE = {**pngs("ok", 60), **pngs("bad", 5, 100), "ok/copy.png": png(3)}
QUICK = ("--epochs", 2, "--hidden-size", 16, "--latent-size", 4)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of pictures, in a working folder without models."""
    monkeypatch.chdir(tmp_path)
    return write_tree(tmp_path / "pictures", TREE)


@pytest.fixture
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the evaluation, which takes most of the time."""
    card = {"quality": {"squared_error_per_pixel": 0.01}}
    monkeypatch.setattr("training.creation.create.document", lambda *_: card)


def test_one_command_makes_a_model(command: Command, folder: Path) -> None:
    """It says what it found, and the service reads what it wrote."""
    code, out, err = command(
        "create", folder, "--model", "models/parts", "--normal", "ok", *QUICK
    )

    assert code == 0
    assert 'layout: class folders; "ok" is the normal class' in out
    assert "  bad: 0 train, 0 calibration, 5 test" in out
    assert "images: 32 x 32, grey, stretch" in out
    assert "measuring the model (conv)" in out
    assert "measuring the linear model, for comparison" in out
    *before, more, serving, address = out.splitlines()
    *_, result = [line for line in before if line != JITTER_HINT]
    assert re.fullmatch(
        r"found \d of 5 defects, with \d+\.\d % false alarms on good pictures", result
    )
    assert more == "read more: models/parts/README.md"
    assert serving == "serve it: vae-service --model models/parts"
    assert address == "then open http://127.0.0.1:8000/"
    assert "warning: 1 pictures are copies of others" in err
    card = OnnxAutoencoder.load(Path("models/parts")).card
    assert [label.name for label in card.labels] == ["ok"]
    assert card.image_shape == (1, 32, 32)
    assert "squared error per pixel" in Path("models/parts/README.md").read_text()


@pytest.mark.usefixtures("unmeasured")
def test_the_same_command_goes_on(
    command: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After Ctrl-C in the third epoch two are whole, and the rest follows."""
    epochs = Trainer.epochs

    def interrupted(self: Trainer) -> Iterator[object]:
        for result in epochs(self):
            yield result
            if result.epoch == 2:
                raise KeyboardInterrupt

    arguments = ("create", folder, "--model", "models/parts", *QUICK, "--epochs", 4)
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "epochs", interrupted)
        code, out, _ = command(*arguments)
    assert code != 0
    assert "2 of 4 epochs done" in out
    assert not Path("models/parts/model.json").exists()

    code, out, _ = command(*arguments)

    assert code == 0
    assert "epoch 1/4" not in out
    assert "epoch 3/4" in out
    assert Path("models/parts/model.json").exists()


@pytest.mark.usefixtures("unmeasured")
def test_a_run_on_other_pictures_is_not_continued(
    command: Command, folder: Path
) -> None:
    """The message names the folder to remove."""
    arguments = ("create", folder, "--model", "models/parts", *QUICK)
    assert command(*arguments)[0] == 0
    write_tree(folder, {"ok/new.png": png(500)})

    code, _, err = command(*arguments)

    assert code == 1
    assert "runs/parts has a training run on other pictures" in err


def test_a_bad_picture_ends_the_command_before_training(
    command: Command, folder: Path
) -> None:
    """One line names it, and nothing is written."""
    write_tree(folder, {"ok/bad.png": b"no picture"})

    code, out, err = command("create", folder, "--model", "models/parts", *QUICK)

    assert (code, out) == (1, "")
    assert err.startswith("error: ok/bad.png: not a picture")
    assert not Path("models").exists()
    assert not Path("runs").exists()


@pytest.mark.usefixtures("unmeasured")
def test_skipped_pictures_are_listed_in_the_card(
    command: Command, folder: Path
) -> None:
    """With --skip-broken the rest becomes a model."""
    write_tree(folder, {"ok/bad.png": b"no picture"})
    arguments = ("create", folder, "--model", "models/parts", "--skip-broken", *QUICK)

    assert command(*arguments)[0] == 0
    card = json.loads(Path("models/parts/model.json").read_text())
    assert card["data"]["skipped"] == ["ok/bad.png"]


def test_the_steps_by_themselves(command: Command, folder: Path) -> None:
    """Train, export, evaluate and demo take a folder of pictures as well."""
    data = ("--data", folder, "--size", 28, "--normal", "ok")
    checkpoint = ("--checkpoint", "runs/parts/checkpoint.pt")
    model = ("--model", "models/parts")

    assert command("train", *data, *checkpoint, *QUICK)[0] == 0
    assert command("export", *data, *checkpoint, *model)[0] == 0
    code, out, _ = command("evaluate", *data, *model)
    assert code == 0
    assert "squared error per pixel" in out
    assert command("demo", *data, *model, "--output", "demo")[0] == 0
    assert len(list(Path("demo").iterdir())) == 3


@pytest.mark.parametrize("network", ["mlp", "conv", "linear"])
@pytest.mark.usefixtures("unmeasured")
def test_each_network_has_its_defaults(
    command: Command, folder: Path, network: str
) -> None:
    """--network chooses the recipe; --seed and the like change it."""
    arguments = ("create", folder, "--model", "models/parts", "--minutes", 0.01)

    code, out, _ = command(*arguments, "--network", network, "--seed", 5)

    assert code == 0
    is_measured = "measuring the speed of training" in out
    assert is_measured == (network != "linear")
    assert ("at most about 0.01 minutes if nothing else runs" in out) == is_measured
    training = json.loads(Path("models/parts/model.json").read_text())["training"]
    assert (training["network"], training["seed"]) == (network, 5)


@pytest.mark.usefixtures("unmeasured")
def test_a_recipe_file_wins_over_the_defaults(command: Command, folder: Path) -> None:
    """Its values count as the user's, and options override them."""
    recipe = folder / "mine.toml"
    recipe.write_text("latent_size = 3\nhidden_size = 8\nepochs = 1\n")
    arguments = ("create", folder, "--model", "models/parts", "--recipe", recipe)

    assert command(*arguments, "--latent-size", 5)[0] == 0

    training = json.loads(Path("models/parts/model.json").read_text())["training"]
    assert (training["latent_size"], training["hidden_size"]) == (5, 8)
    assert training["network"] == "conv"


def test_the_help_shows_the_defaults_of_create(command: Command) -> None:
    """They are those of the convolutional recipe, not those of `train`."""
    code, out, _ = command("create", "--help")
    text = " ".join(out.replace("│", " ").split())

    assert code == 0
    assert "[default: conv]" in text
    assert "[default: 0.005]" in text
    assert "[default: mlp]" not in text
    assert "[default: (those that --minutes is enough for)]" in text
    assert "[default: mlp]" in " ".join(
        command("train", "--help")[1].replace("│", " ").split()
    )


def test_folders_of_pictures_are_told_from_mnists(tmp_path: Path) -> None:
    """A folder with IDX files is MNIST's, whatever else is in it."""
    pictures = write_tree(tmp_path / "pictures", {"deep/in/it/a.png": b""})
    mixed = write_tree(
        tmp_path / "mixed", {"a.png": b"", "train-images-idx3-ubyte.gz": b""}
    )
    other = write_tree(tmp_path / "other", {"a.txt": b""})

    assert is_picture_folder(pictures)
    for folder in (mixed, other, DATA, tmp_path / "missing", None):
        assert not is_picture_folder(folder)


@pytest.mark.parametrize(
    ("shape", "fields"),
    [
        ((1, 28, 28), {}),
        ((1, 64, 64), {"learning_rate": 0.005}),
        ((3, 28, 28), {"learning_rate": 0.005}),
    ],
)
def test_an_mlp_of_large_images_learns_more_slowly(
    shape: tuple[int, int, int], fields: dict[str, float]
) -> None:
    """MNIST's learning rate diverges for 64 x 64 pixels."""
    channels, height, width = shape
    image_format = ImageFormat(channels, height, width, fit="stretch")
    data: Any = SimpleNamespace(format=image_format)

    assert default_fields("mlp", data) == fields
