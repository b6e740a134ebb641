"""The data that a command line names: a folder of pictures, or MNIST's files."""

from pathlib import Path
from typing import TypeGuard

import typer

from training.console import warn
from training.data.data_set import DataSet
from training.data.folder import read_folder
from training.data.folder_options import FolderOptions
from training.data.folder_report import describe
from training.data.folder_warnings import folder_warnings
from training.data.idx import find_idx
from training.data.images import LabelledImages
from training.data.mnist import MNIST_FILES, DataSource
from training.data.picture_files import has_pictures


def load_data_set(
    source: DataSource,
    folder: Path | None,
    options: FolderOptions,
    test_size: int | None = None,
) -> DataSet:
    """Return the data set of a folder of pictures, or the source's from its IDX files.

    test_size: use only the source's first test images. Raises DataError.
    """
    if is_picture_folder(folder):
        return read_pictures(folder, options)
    return source.data_set(folder, test_size)


def load_training_images(
    source: DataSource, folder: Path | None, options: FolderOptions
) -> LabelledImages:
    """Return the training images alone; for the source, no other files are needed."""
    if is_picture_folder(folder):
        return read_pictures(folder, options).train
    return source.load("train", folder)


def load_test_images(
    source: DataSource, folder: Path | None, options: FolderOptions
) -> LabelledImages:
    """Return the test images; of the source, all that training does not use."""
    if is_picture_folder(folder):
        return read_pictures(folder, options).test
    return source.load("t10k", folder)


def is_picture_folder(folder: Path | None) -> TypeGuard[Path]:
    """Return whether a folder has pictures, and none of MNIST's files."""
    if folder is None or not folder.is_dir():
        return False
    if any(find_idx(name, folder) for name in MNIST_FILES):
        return False
    return has_pictures(folder)


def read_pictures(folder: Path, options: FolderOptions) -> DataSet:
    """Read a folder of pictures; print what was found, and warnings.

    Raises DataError as `read_folder` does.
    """
    reading = read_folder(folder, options)
    for line in describe(reading):
        typer.echo(line)
    for warning in folder_warnings(reading):
        warn(warning)
    return reading.data
