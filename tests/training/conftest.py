"""A small model, trained and exported once for all tests that do not change it."""

import io
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.samples import DATA
from tests.training.command import Command
from training.artifact.export import export
from training.artifact.exported_model import ExportedModel
from training.data.data_set import DataSet
from training.data.images import LabelledImages
from training.data.mnist import DataSource
from training.evaluation.classifier import Classifier
from training.evaluation.classifier_training import train_classifier
from training.fitting.recipe import Recipe
from training.fitting.trainer import Trainer
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
