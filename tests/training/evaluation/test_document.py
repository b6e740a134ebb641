"""Measures, pictures and README of a model of any images."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.training.conftest import CPU
from tests.training.shapes import shape_data, without_classes
from training.artifact.export import export
from training.artifact.exported_model import ExportedModel
from training.artifact.model_card import Card, read_card
from training.creation.baseline import fit_baseline
from training.data.data_set import DataSet
from training.evaluation import data_set_quality
from training.evaluation.data_set_limits import linear_limit
from training.evaluation.document import document
from training.fitting.recipe import Recipe
from training.fitting.trainers import make_trainer

SMALL_CONV = Recipe(
    network="conv",
    objective="gaussian",
    epochs=2,
    batch_size=32,
    learning_rate=5e-3,
    averaging=0.0,
    center_pixels=False,
    hidden_size=16,
    channels=4,
    latent_size=4,
)


def documented(data: DataSet, folder: Path) -> Card:
    """Train a small model of a data set, and return its card after `document`."""
    checkpoint = folder / "checkpoint.pt"
    trainer = make_trainer(data.train, SMALL_CONV, CPU)
    for _ in trainer.epochs():
        trainer.save(checkpoint)
    export(checkpoint, folder / "shapes", data)
    model = ExportedModel(folder / "shapes")
    return document(model, data, fit_baseline(model, data))


@pytest.fixture(scope="module", autouse=True)
def few_steps() -> Iterator[None]:
    """Train the classifier for a moment: no test depends on how good it is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data_set_quality, "CLASSIFIER_STEPS", 20)
        yield


@pytest.fixture(scope="module")
def shapes_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a documented model of three classes in colour."""
    folder = tmp_path_factory.mktemp("shapes")
    documented(shape_data(), folder)
    return folder / "shapes"


def test_the_card_has_the_measures_of_the_linear_model_too(shapes_folder: Path) -> None:
    """Both have the same figures; the cost of an image is measured."""
    card = read_card(shapes_folder)

    quality, linear = card["quality"], card["quality"]["linear"]
    assert linear.keys() == quality.keys() - {"linear", "split"}
    for measures in (quality, linear):
        assert 0 < measures["squared_error_per_pixel"] < 0.1
        assert 0 < measures["structural_similarity"] < 1
        assert measures["test_images"] == 120
    assert card["cost"]["milliseconds_per_image"] > 0


def test_the_readme_stands_by_itself(shapes_folder: Path) -> None:
    """It says what the model is, how to serve it, and what it is not good at."""
    text = (shapes_folder / "README.md").read_text()

    assert text.startswith("# Model card: shapes\n")
    for part in (
        "colour images, 32 x 32 pixels",
        "vae-service --model models/shapes",
        "240 images to train on, 60 to calibrate with and 120 to test on",
        "| `ring` | 80 |",
        "SHA-256 of the list of files",
        "Licence: CC0",
        "| squared error per pixel",
        "## Limits",
    ):
        assert part in text


def test_each_picture_of_the_readme_is_a_small_png(shapes_folder: Path) -> None:
    """There are five, in colour, of less than 300 kB together."""
    text = (shapes_folder / "README.md").read_text()

    paths = list(shapes_folder.glob("*.png"))
    assert len(paths) == 5
    assert sum(path.stat().st_size for path in paths) < 300_000
    for path in paths:
        assert f"]({path.name})" in text
        with Image.open(path) as image:
            assert image.mode in {"P", "RGB", "RGBA"}


def test_a_persons_text_stays(shapes_folder: Path) -> None:
    """A second evaluation replaces what is between the marks."""
    path = shapes_folder / "README.md"
    text = path.read_text()
    path.write_text(f"Mine.\n{text}Also mine.\n")

    document(ExportedModel(shapes_folder), shape_data())

    changed = path.read_text()
    assert changed.startswith("Mine.\n")
    assert changed.endswith("Also mine.\n")
    assert changed.count("## Limits") == 1


def test_images_without_classes(tmp_path: Path) -> None:
    """Neither card nor README speaks of classes."""
    card = documented(without_classes(shape_data()), tmp_path)

    text = (tmp_path / "shapes" / "README.md").read_text()
    assert card["labels"] == []
    assert "There are no classes." in text
    assert "classified" not in text


def test_a_model_of_good_parts_begins_with_inspection(
    parts_model: Path, parts_data: DataSet, tmp_path: Path
) -> None:
    """Its own false alarms are the only ones, and the defects are counted."""
    folder = shutil.copytree(parts_model, tmp_path / "parts")

    document(ExportedModel(folder), parts_data)

    text = (folder / "README.md").read_text()
    assert text.index("](inspection.png)") < text.index("| missing | 1.0000 |")
    assert text.index("| missing | 1.0000 |") < text.index("](reconstructions.png)")
    for row in ("| `good` | 140 | 20 |", "| `missing` | 0 | 10 |"):
        assert row in text
    assert "| on 20 test images without defects |" in text
    assert "| test images without defects, the reference | 0.00 |" in text
    assert f"**Data.** The folder `{parts_data.name}`: 140 images to train on" in text
    for part in ("99th percentile", "latent-map", "background", "not used for calib"):
        assert part not in text
    with Image.open(folder / "inspection.png") as image:
        assert image.size == (8 * 66 - 2, 2 * 66 - 2)


@pytest.mark.parametrize("is_inspected", [True, False])
def test_a_better_linear_model_is_named_with_its_command(*, is_inspected: bool) -> None:
    """It gets a folder of its own; that it inspects better is not claimed."""
    quality = {
        "squared_error_per_pixel": 0.02,
        "linear": {"squared_error_per_pixel": 0.01},
    }
    card = {"name": "parts", "quality": quality}
    if is_inspected:
        card["inspection"] = {"quality": {}}

    text = linear_limit(card)

    assert "its squared error is 50% of this network's" in text
    command = "`vae-train create FOLDER --model models/parts-linear --network linear`"
    assert command in text
    assert ("Whether it finds more defects was not measured." in text) == is_inspected
