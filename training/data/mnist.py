"""MNIST as tensors, from the four IDX files of LeCun, Cortes & Burges 1998."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from training.data.cache_folder import cache_folder
from training.data.data_set import DataSet
from training.data.download import DOWNLOAD_ERRORS, fetch
from training.data.errors import DataError
from training.data.idx import find_idx, gunzip, parse_idx
from training.data.image_format import ImageFormat
from training.data.images import LabelledImages
from training.files import write_file

# SHA-256 of each file's uncompressed content.
MNIST_FILES = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
MNIST_FORMAT = ImageFormat(channels=1, height=28, width=28, fit="ink")
MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
# Xiao, Rasul & Vollgraf 2017, arXiv:1708.07747
FASHION_FILES = {
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
# of Debian's package dataset-fashion-mnist
FASHION_FOLDER = Path("/usr/share/datasets/fashion-mnist")


@dataclass(frozen=True, slots=True)
class DataSource:
    """A data set of four IDX files.

    files: name and SHA-256 of the uncompressed content of each.
    mirrors: addresses of folders to download from, tried in order.
    title: kind of images, for people.
    origin: publication of the data set.
    format: shape of the images.
    class_names: indexed by the labels.
    """

    name: str = "MNIST"
    files: Mapping[str, str] = field(default_factory=lambda: MNIST_FILES)
    mirrors: tuple[str, ...] = MNIST_MIRRORS
    title: str = "Handwritten digits"
    origin: str = "LeCun, Cortes & Burges 1998, http://yann.lecun.com/exdb/mnist"
    format: ImageFormat = MNIST_FORMAT
    class_names: tuple[str, ...] = tuple("0123456789")

    def load(self, split: str, folder: Path | None = None) -> LabelledImages:
        """Read the split ``train`` or ``t10k``.

        Its files are in ``folder``, else in ``$MNIST_DIR``, else in the cache folder,
        to which they are downloaded once. Raises DataError, naming the file, for one
        that is missing, truncated or not the expected one.
        """
        images = self._read(f"{split}-images-idx3-ubyte", folder)
        labels = self._read(f"{split}-labels-idx1-ubyte", folder)
        return LabelledImages(
            images=torch.from_numpy(images).unsqueeze(1),
            labels=torch.from_numpy(labels).long(),
        )

    def data_set(
        self, folder: Path | None = None, test_size: int | None = None
    ) -> DataSet:
        """Read both splits; every second test image is for calibration.

        test_size: use only the first test images. Raises DataError as ``load`` does.
        """
        train = self.load("train", folder)
        tests = self.load("t10k", folder).first(test_size)
        calibration, test = tests.halves()
        return DataSet(
            name=self.name,
            title=self.title,
            source=self.origin,
            format=self.format,
            class_names=self.class_names,
            train=train,
            calibration=calibration,
            test=test,
            normal=None,
            sha256=dict(self.files),
        )

    def _read(self, name: str, folder: Path | None) -> NDArray[np.uint8]:
        given = folder or os.environ.get("MNIST_DIR")
        if given:
            return self._open(name, Path(given))
        cache = cache_folder() / self.name.lower()
        if not find_idx(name, cache):
            self._download(name, cache)
        return self._open(name, cache)

    def _open(self, name: str, folder: Path) -> NDArray[np.uint8]:
        path = find_idx(name, folder)
        if path is None:
            raise DataError(f"{folder} has neither {name}.gz nor {name}")
        content = self._checked(name, path.read_bytes(), str(path))
        return parse_idx(content, path)

    def _checked(self, name: str, content: bytes, origin: str) -> bytes:
        """Return the uncompressed content of the named file, checked by its SHA-256.

        Raises DataError, naming the content's origin, if it is another.
        """
        plain = gunzip(content, origin)
        digest = hashlib.sha256(plain).hexdigest()
        if digest != self.files[name]:
            raise DataError(
                f"{origin} is not {self.name}'s {name}: "
                "its SHA-256 differs (truncated, or another file)"
            )
        return plain

    def _download(self, name: str, folder: Path) -> None:
        """Download a file to a folder, after a check of its content.

        Raises DataError if no mirror has it.
        """
        failures = []
        for mirror in self.mirrors:
            url = f"{mirror}{name}.gz"
            try:
                content = fetch(url)
                self._checked(name, content, url)
            except (*DOWNLOAD_ERRORS, DataError) as error:
                failures.append(f"{url}: {error}")
                continue
            write_file(folder / f"{name}.gz", content)
            return
        raise DataError(
            f"{name}.gz could not be downloaded: {'; '.join(failures)}. "
            "Name a folder that has it with --data"
        )


def fashion_mnist(folder: Path | None) -> LabelledImages | None:
    """Return Fashion-MNIST's test images, labelled with the kind of garment.

    They are read from ``folder``, else from Debian's. Return None if neither is there.
    Raises DataError as `DataSource.load` does.
    """
    if folder is None and not FASHION_FOLDER.exists():
        return None
    source = DataSource("Fashion-MNIST", FASHION_FILES, mirrors=())
    return source.load("t10k", folder or FASHION_FOLDER)
