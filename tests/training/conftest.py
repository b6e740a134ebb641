"""A small model, trained and exported once for all tests that do not change it."""

import io
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from tests.parts import defective_parts, good_parts
from tests.samples import DATA
from tests.training.command import Command
from tests.training.data.folders import Content, encode, write_tree
from training.artifact.export import export
from training.artifact.exported_model import ExportedModel
from training.data.data_set import DataSet
from training.data.folder import read_folder
from training.data.folder_options import FolderOptions
from training.data.images import LabelledImages
from training.data.mnist import DataSource
from training.evaluation.classifier import Classifier
from training.evaluation.classifier_training import train_classifier
from training.fitting.recipe import Recipe
from training.fitting.trainer import Trainer
from training.fitting.trainers import make_trainer
from training.network.mlp import VAE

SMALL = Recipe(
    epochs=3,
    optimizer="adam",
    batch_size=64,
    learning_rate=1e-3,
    averaging=0.5,
    mean_pixel_bias=False,
    center_pixels=False,
)
LINEAR = Recipe(
    network="linear",
    objective="gaussian",
    epochs=1,
    averaging=0.0,
    center_pixels=False,
    latent_size=16,
)
MUON = replace(SMALL, optimizer="muon", learning_rate=5e-2)
CPU = torch.device("cpu")


def mlp_of(trainer: Trainer) -> VAE:
    """Return the network of a run whose recipe names ``mlp``."""
    assert isinstance(trainer.model, VAE)
    return trainer.model


def saved(value: object) -> bytes:
    """Return the bytes that `torch.save` writes for a value."""
    content = io.BytesIO()
    torch.save(value, content)
    return content.getvalue()


# Contents of files that are neither checkpoint nor classifier.
OTHER_CONTENTS = [
    b"",
    b"no such thing",
    b"hello",
    b"PK\x03\x04",
    saved(None),
    saved({"a": 1}),
    saved({1: 2}),
    saved(Path),
]


@pytest.fixture(scope="session")
def checkpoint(
    tmp_path_factory: pytest.TempPathFactory, train_digits: LabelledImages
) -> Path:
    """Checkpoint of three epochs on 512 digits."""
    path = tmp_path_factory.mktemp("runs") / "checkpoint.pt"
    trainer = Trainer(train_digits, SMALL, CPU)
    for _ in trainer.epochs():
        trainer.save(path)
    return path


@pytest.fixture(scope="session")
def digits(source: DataSource) -> DataSet:
    """The sample of MNIST in three splits."""
    return source.data_set(DATA)


@pytest.fixture(scope="session")
def exported(
    tmp_path_factory: pytest.TempPathFactory, checkpoint: Path, digits: DataSet
) -> Path:
    """The exported small model, not to be changed."""
    folder = tmp_path_factory.mktemp("models") / "small"
    export(checkpoint, folder, digits)
    return folder


@pytest.fixture
def model(exported: Path, tmp_path: Path) -> ExportedModel:
    """A copy of the small model, which a test may change."""
    return ExportedModel(shutil.copytree(exported, tmp_path / "small"))


@pytest.fixture(scope="session")
def classifier(train_digits: LabelledImages) -> Classifier:
    """A classifier trained on 512 digits."""
    return train_classifier(train_digits)


@pytest.fixture
def command(source: DataSource, capsys: pytest.CaptureFixture[str]) -> Command:
    """The command line on the sample data set."""
    return Command(source, capsys)


def parts_tree() -> Content:
    """Return good parts to train on and to test with, and defects with their masks."""
    files = {}
    for split, count, seed in (("train", 200, 1), ("test", 20, 2)):
        for index, image in enumerate(good_parts(count, 1, seed).images):
            files[f"{split}/good/{index:03}.png"] = grey_png(image[0])
    for seed, kind in enumerate(("missing", "scratch"), start=10):
        parts = defective_parts(kind, 10, 1, seed)
        for index in range(10):
            picture, mask = parts.images[index, 0], parts.masks[index]
            files[f"test/{kind}/{index:03}.png"] = grey_png(picture)
            path = f"ground_truth/{kind}/{index:03}_mask.png"
            files[path] = grey_png(255 * mask.astype("uint8"))
    return files


def grey_png(levels: Any) -> bytes:
    """Return grey levels (height, width) as a PNG."""
    return encode(Image.fromarray(levels), "PNG")


@pytest.fixture(scope="session")
def parts_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of made parts, not to be changed."""
    return write_tree(tmp_path_factory.mktemp("parts"), parts_tree())


@pytest.fixture(scope="session")
def parts_data(parts_folder: Path) -> DataSet:
    """The folder's data set."""
    return read_folder(parts_folder, FolderOptions()).data


@pytest.fixture(scope="session")
def parts_model(tmp_path_factory: pytest.TempPathFactory, parts_data: DataSet) -> Path:
    """The folder of an exported linear model of the parts, not to be changed."""
    trainer = make_trainer(parts_data.train, LINEAR, CPU)
    list(trainer.epochs())
    checkpoint = tmp_path_factory.mktemp("run") / "checkpoint.pt"
    trainer.save(checkpoint)
    folder = tmp_path_factory.mktemp("model") / "parts"
    export(checkpoint, folder, parts_data)
    return folder
