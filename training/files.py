"""Atomic file writes, and safe reads of files that `torch.save` wrote."""

import io
import os
import pickle
import tempfile
import zipfile
from pathlib import Path

import torch

FILE_MODE = 0o644  # mkstemp makes files that their owner alone can read

# Exceptions of torch.load for a file that torch.save did not write.
LOAD_ERRORS = (
    RuntimeError,
    ValueError,
    LookupError,
    TypeError,
    EOFError,
    pickle.UnpicklingError,
    zipfile.BadZipFile,
)


def create_writable_folder(folder: Path) -> None:
    """Create a folder and check that files can be written to it.

    Called before long work whose result goes there. Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass


def read_saved(path: Path) -> object:
    """Return the value that `torch.save` wrote to a file, on the CPU.

    Return None if the file holds anything else, or a type that runs code when it is
    loaded. Raises OSError.
    """
    content = io.BytesIO(path.read_bytes())
    try:
        # PyTorch's reader of its format from before 2020, which was no ZIP archive,
        # raises arbitrary exceptions.
        if not zipfile.is_zipfile(content):
            return None
        content.seek(0)
        return torch.load(content, map_location="cpu", weights_only=True)
    except LOAD_ERRORS:
        return None


def write_file(path: Path, content: bytes) -> None:
    """Write a file atomically: to a temporary file in its folder, then renamed.

    The folder is created if it is missing. Raises OSError, with the old file untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        temporary.chmod(FILE_MODE)
        temporary.replace(path)
    except BaseException:
        # Ctrl-C may arrive after the renaming: then there is nothing to remove.
        temporary.unlink(missing_ok=True)
        raise
