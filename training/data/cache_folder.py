"""The user's cache folder."""

import os
from pathlib import Path

from training.data.errors import DataError


def cache_folder() -> Path:
    """Return the user's cache folder for this project (XDG base directory).

    Raises DataError if the user has no home folder.
    """
    given = os.environ.get("XDG_CACHE_HOME")
    if given:
        return Path(given) / "vae-service"
    try:
        return Path.home() / ".cache" / "vae-service"
    except RuntimeError as error:
        raise DataError(
            "there is no home folder to keep data in: set $XDG_CACHE_HOME, "
            "or name a folder of MNIST's files with --data or $MNIST_DIR"
        ) from error
