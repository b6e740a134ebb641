"""A small model of binarised digits."""

from dataclasses import replace

import pytest

from tests.training.conftest import CPU, SMALL
from training.artifact.export import export
from training.artifact.exported_model import ExportedModel
from training.data.data_set import DataSet
from training.fitting.trainer import Trainer


@pytest.fixture(scope="session")
def binarized(
    tmp_path_factory: pytest.TempPathFactory,
    digits: DataSet,
) -> tuple[ExportedModel, float]:
    """Return a model of binarised digits, and its loss in the last epoch."""
    folder = tmp_path_factory.mktemp("binarized")
    recipe = replace(SMALL, objective="bernoulli", binarize=True)
    trainer = Trainer(digits.train, recipe, CPU)
    *_, last = trainer.epochs()
    trainer.save(folder / "checkpoint.pt")
    export(folder / "checkpoint.pt", folder / "small", digits)
    return ExportedModel(folder / "small"), last.loss
