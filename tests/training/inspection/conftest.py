"""Made parts in MVTec's layout, and a linear model of them, made once."""

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from tests.parts import defective_parts, good_parts
from tests.training.data.folders import Content, encode, write_tree
from training.artifact.export import export
from training.data.data_set import DataSet
from training.data.folder import read_folder
from training.data.folder_options import FolderOptions
from training.fitting.recipe import Recipe
from training.fitting.trainers import make_trainer

LINEAR = Recipe(
    network="linear",
    objective="gaussian",
    epochs=1,
    averaging=0.0,
    center_pixels=False,
    latent_size=16,
)


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
    trainer = make_trainer(parts_data.train, LINEAR, torch.device("cpu"))
    list(trainer.epochs())
    checkpoint = tmp_path_factory.mktemp("run") / "checkpoint.pt"
    trainer.save(checkpoint)
    folder = tmp_path_factory.mktemp("model") / "parts"
    export(checkpoint, folder, parts_data)
    return folder
