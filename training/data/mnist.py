"""MNIST as tensors, from the four IDX files that its authors published (LeCun, Cortes & Burges 1998)."""

import gzip
import hashlib
import http.client
import math
import os
import struct
import urllib.request
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import wrap_file
from torch import Tensor

from training.files import write_file
from training.network.mlp import ImageShape

MNIST_FILES = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
FASHION_FILES = {  # Xiao, Rasul & Vollgraf 2017, arXiv:1708.07747
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
FASHION_FOLDER = Path(
    "/usr/share/datasets/fashion-mnist"
)  # of Debian's package dataset-fashion-mnist
GZIP_MAGIC = b"\x1f\x8b"
IDX_UNSIGNED_BYTE = 0x08
DOWNLOAD_TIMEOUT_SECONDS = 30


class DataError(Exception):
    """The data set cannot be had, or is not what it should be; the message names the file."""


@dataclass(frozen=True, slots=True)
class Digits:
    """Images, uint8 (count, 1, height, width), white ink on black, and the digit on each, int64 (count,)."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.images)

    @property
    def image_shape(self) -> ImageShape:
        """Channels, height and width."""
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    def first(self, count: int | None) -> "Digits":
        """The first ``count`` digits, or all when it is None. Raises DataError when there are fewer."""
        if count is not None and not 1 <= count <= len(self):
            raise DataError(f"{count} digits asked for, {len(self)} are there")
        return Digits(self.images[:count], self.labels[:count])

    def after(self, count: int) -> "Digits":
        """The digits after the first ``count``. Raises DataError when there are none."""
        if count >= len(self):
            raise DataError(
                f"no digits after the first {count}: {len(self)} are there; --train-size leaves some out"
            )
        return Digits(self.images[count:], self.labels[count:])

    def halves(self) -> tuple["Digits", "Digits"]:
        """Every second digit, from the first on, and the others: MNIST's first test digits are of other writers."""
        first, second = (
            Digits(self.images[start::2], self.labels[start::2]) for start in (0, 1)
        )
        return first, second

    def pixels(self) -> Tensor:
        """The images as float32 in [0, 1], same shape."""
        return self.images.float() / 255


@dataclass(frozen=True, slots=True)
class DataSource:
    """Where digits come from: four files by name with the SHA-256 of their uncompressed content, and mirrors."""

    name: str = "MNIST"
    files: Mapping[str, str] = field(default_factory=lambda: MNIST_FILES)
    mirrors: tuple[str, ...] = MNIST_MIRRORS

    def load(self, split: str, folder: Path | None = None) -> Digits:
        """Read the split ``train`` or ``t10k`` from ``folder``, else ``$MNIST_DIR``, else the cache, filled once.

        Raises DataError, naming the file, for one that is missing, truncated or foreign.
        """
        images = self._read(f"{split}-images-idx3-ubyte", folder)
        labels = self._read(f"{split}-labels-idx1-ubyte", folder)
        return Digits(
            torch.from_numpy(images).unsqueeze(1), torch.from_numpy(labels).long()
        )

    def _read(self, name: str, folder: Path | None) -> NDArray[np.uint8]:
        given = folder or os.environ.get("MNIST_DIR")
        if given:
            return self._open(name, Path(given))
        cache = cache_folder() / self.name.lower()
        if not find(name, cache):
            self._download(name, cache)
        return self._open(name, cache)

    def _open(self, name: str, folder: Path) -> NDArray[np.uint8]:
        path = find(name, folder)
        if path is None:
            raise DataError(f"{folder} has neither {name}.gz nor {name}")
        return parse_idx(self._checked(name, path.read_bytes(), str(path)), path)

    def _checked(self, name: str, content: bytes, origin: str) -> bytes:
        """The uncompressed content, if it is the file it should be. Raises DataError, naming its origin, if not."""
        plain = gunzip(content, origin)
        if hashlib.sha256(plain).hexdigest() != self.files[name]:
            raise DataError(
                f"{origin} is not {self.name}'s {name}: its SHA-256 differs (truncated, or another file)"
            )
        return plain

    def _download(self, name: str, folder: Path) -> None:
        failures = []
        for mirror in self.mirrors:
            url = f"{mirror}{name}.gz"
            try:
                content = fetch(url)
                self._checked(name, content, url)
            except (OSError, http.client.HTTPException, DataError) as error:
                failures.append(f"{url}: {error}")
                continue
            write_file(folder / f"{name}.gz", content)
            return
        raise DataError(
            f"{name}.gz could not be downloaded: {'; '.join(failures)}. Name a folder that has it (--data)"
        )


def fashion_mnist(folder: Path | None) -> Digits | None:
    """Fashion-MNIST's test images and the kinds of garment, from ``folder``, else from Debian's, if that is there.

    Raises DataError as ``DataSource.load`` does.
    """
    if folder is None and not FASHION_FOLDER.exists():
        return None
    return DataSource("Fashion-MNIST", FASHION_FILES, mirrors=()).load(
        "t10k", folder or FASHION_FOLDER
    )


def find(name: str, folder: Path) -> Path | None:
    """The IDX file of that name in a folder, gzip or raw, if it is there."""
    return next(
        (path for path in (folder / f"{name}.gz", folder / name) if path.is_file()),
        None,
    )


def cache_folder() -> Path:
    """The user's cache folder for this project (XDG base directory specification)."""
    return (
        Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vae-service"
    )


def fetch(url: str) -> bytes:
    """The body behind an address, with a progress bar. Raises OSError or HTTPException."""
    with urllib.request.urlopen(url, timeout=DOWNLOAD_TIMEOUT_SECONDS) as answer:  # noqa: S310 - a mirror named in the code
        total = int(answer.headers.get("Content-Length", 0))
        with wrap_file(answer, total=total, description=url.rsplit("/", 1)[-1]) as body:
            return body.read()


def gunzip(content: bytes, origin: str) -> bytes:
    """The content, unpacked if it is gzip. Raises DataError, naming its origin, if it is gzip but damaged."""
    try:
        return gzip.decompress(content) if content.startswith(GZIP_MAGIC) else content
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{origin} is truncated or damaged: {error}") from error


def parse_idx(content: bytes, path: Path) -> NDArray[np.uint8]:
    """The array in an IDX file of unsigned bytes: a magic number, the sizes as big-endian uint32, the bytes.

    Raises DataError, naming ``path``, when the content is not such a file or not as long as it says.
    """
    try:
        zeros, kind, dimensions = struct.unpack_from(">HBB", content)
        shape = struct.unpack_from(f">{dimensions}I", content, 4)
    except struct.error as error:
        raise DataError(
            f"{path} is truncated or damaged: it ends within its header"
        ) from error
    if (zeros, kind) != (0, IDX_UNSIGNED_BYTE):
        raise DataError(f"{path} is not an IDX file of unsigned bytes")
    items = bytearray(content[4 + 4 * dimensions :])
    if len(items) != math.prod(shape):
        raise DataError(
            f"{path} is truncated or damaged: {len(items)} bytes where its header says {shape}"
        )
    return np.frombuffer(items, dtype=np.uint8).reshape(shape)
