"""Decoded pictures in one file, which is mapped to memory instead of read."""

import hashlib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import PIL
from numpy.typing import NDArray

from training.data.errors import DataError
from training.data.image_format import ImageFormat
from training.data.picture import Pixels

STEPS_VERSION = 1  # raised with each change of `training.data.picture`
KEPT_FILES = 5  # of the folders and formats that were used last
ENDING = ".npy"
BYTES_PER_MB = 10**6

Images = NDArray[np.uint8]  # (count, channels, height, width)


def cached_path(
    folder: Path,
    hashes: Iterable[bytes],
    image_format: ImageFormat,
) -> Path:
    """Return the path for the images of files with these SHA-256, in this order."""
    settings = {
        "version": STEPS_VERSION,
        "pillow": PIL.__version__,
        "format": asdict(image_format),
    }
    text = json.dumps(settings, sort_keys=True)
    key = hashlib.sha256(text.encode())
    for sha256 in hashes:
        key.update(sha256)
    return folder / f"{key.hexdigest()}{ENDING}"


def read_cached(path: Path) -> Images:
    """Return the images in a file, mapped to memory. Raises OSError and ValueError.

    Writing to the array does not change the file.
    """
    path.touch()
    images: Images = np.load(path, mmap_mode="c")
    return images


def write_cached(path: Path, shape: tuple[int, ...], images: Iterable[Pixels]) -> None:
    """Write images of a shape (count, channels, height, width), one at a time.

    The file appears when it is whole; then the files that were used least recently are
    removed. Raises DataError for a full disk, and OSError.
    """
    folder = path.parent
    folder.mkdir(parents=True, exist_ok=True)
    check_space(folder, shape)
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=".")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            for pixels in images:
                file.write(pixels.tobytes())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    remove_old(folder)


def check_space(folder: Path, shape: tuple[int, ...]) -> None:
    """Raise DataError if a folder's disk has no room for images of this shape."""
    needed = math.prod(shape)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DataError(
            f"{folder}: {math.ceil(needed / BYTES_PER_MB)} MB are needed for the "
            f"decoded pictures, {free // BYTES_PER_MB} MB are free"
        )


def remove_old(folder: Path) -> None:
    """Remove all but the files that were used last."""
    paths = folder.glob(f"*{ENDING}")
    by_use = sorted(paths, key=lambda path: path.stat().st_mtime)
    for path in by_use[:-KEPT_FILES]:
        path.unlink(missing_ok=True)
