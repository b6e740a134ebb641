"""Files that are whole or not there, and what PyTorch keeps in them."""

import io
import os
import pickle
import tempfile
import zipfile
from pathlib import Path

import torch

# What the readers raise for what torch.save has not kept.
NOT_SAVED = (
    RuntimeError,
    ValueError,
    LookupError,
    TypeError,
    EOFError,
    pickle.UnpicklingError,
    zipfile.BadZipFile,
)


def make_room(folder: Path) -> None:
    """Make a folder that files are to be written to after long work, and try it. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass


def read_saved(path: Path) -> object:
    """What ``torch.save`` has kept in a file, on the CPU; None if the file is something else. Raises OSError."""
    content = io.BytesIO(path.read_bytes())
    try:
        if not zipfile.is_zipfile(
            content
        ):  # of files from before 2020, PyTorch's reader raises whatever comes
            return None
        content.seek(0)
        return torch.load(content, map_location="cpu", weights_only=True)
    except NOT_SAVED:
        return None


def write_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: under another name in the same folder first, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)  # Ctrl-C may come when it is renamed already
        raise
