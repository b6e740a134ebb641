"""Models by name: found in a folder, loaded, and kept until another load succeeds."""

import logging
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from service.model.errors import ModelLoadError
from service.model.model_folder import CARD_FILE, ZIP_SUFFIX

NAME = re.compile("[a-z0-9][a-z0-9-]{0,62}")
FOREIGN_CHARACTERS = re.compile("[^a-z0-9-]+")

log = logging.getLogger(__name__)

ModelT = TypeVar("ModelT")


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModels(Generic[ModelT]):
    """The models of one load; a reload replaces all of them at once.

    default_name: name of the default model, which is one of ``by_name``.
    by_name: in the order of the names.
    reasons: why models that were found could not be loaded, by their names. One that
        is also in ``by_name`` is an earlier version, which stays in service.
    """

    default_name: str
    by_name: Mapping[str, ModelT]
    reasons: Mapping[str, str]

    @property
    def default(self) -> ModelT:
        """The default model."""
        return self.by_name[self.default_name]


class ModelRepository(Generic[ModelT]):
    """Loads all models that are found."""

    def __init__(
        self,
        find: Callable[[], dict[str, Path]],
        open_model: Callable[[str, Path], ModelT],
        *,
        default_name: str = "",
        max_models: int = 1,
    ) -> None:
        """Load nothing yet.

        find: returns the path of each model by its name.
        open_model: loads a model by its name and path; raises ModelLoadError.
        default_name: may be empty if there is one model.
        max_models: further models are left out.
        """
        self._find = find
        self._open = open_model
        self._default_name = default_name
        self._max_models = max_models
        self._loaded: Mapping[str, ModelT] = {}

    def load(self) -> LoadedModels[ModelT]:
        """Look for models and load them all.

        A model other than the default that cannot be loaded is logged and left out; if
        it was loaded before, that version stays. Raises ModelLoadError if the default
        model cannot be loaded, or is not known; the earlier models then stay.
        """
        paths = self._find()
        default_name = self._choose_default(paths)
        default = self._open_named(default_name, paths[default_name])
        loaded = {default_name: default}
        reasons: dict[str, str] = {}
        for name in self._in_order(paths.keys() - {default_name}):
            try:
                self._check_room(loaded)
                loaded[name] = self._open_named(name, paths[name])
            except ModelLoadError as error:
                log.warning("the model %s could not be loaded: %s", name, error)
                reasons[name] = str(error)
                if name in self._loaded and len(loaded) < self._max_models:
                    loaded[name] = self._loaded[name]
        self._loaded = dict(sorted(loaded.items()))
        self._default_name = default_name
        return LoadedModels(default_name, self._loaded, reasons)

    def _in_order(self, names: Iterable[str]) -> list[str]:
        """Return names in the order to load, those that were loaded before first."""
        return sorted(names, key=lambda name: (name not in self._loaded, name))

    def _check_room(self, loaded: Collection[str]) -> None:
        """Raise ModelLoadError if no other model may be loaded."""
        if len(loaded) >= self._max_models:
            raise ModelLoadError(
                f"there are {len(loaded)} other models, the limit (VAE_MODELS_MAX)"
            )

    def _open_named(self, name: str, path: Path) -> ModelT:
        """Load a model. Raises ModelLoadError, also if its name is not valid."""
        if not NAME.fullmatch(name):
            raise ModelLoadError(
                f"{path}: a model's name must have 1 to 63 of a-z, 0-9 and -, and not "
                "begin with -"
            )
        return self._open(name, path)

    def _choose_default(self, paths: Mapping[str, Path]) -> str:
        """Return the name of the default model. Raises ModelLoadError."""
        name = self._default_name
        if not name and len(paths) == 1:
            (name,) = paths
        if name not in paths:
            found = ", ".join(sorted(paths)) or "none"
            reason = f"there is no model {name}" if name else "it is not set"
            raise ModelLoadError(f"VAE_DEFAULT_MODEL: {reason}; models found: {found}")
        return name


def find_models(folder: Path) -> dict[str, Path]:
    """Return the folders that have a model card, and the zip archives, by name.

    Hidden ones are ignored. If a folder and an archive have the same name, the archive
    is called ``NAME.zip``, which is not a valid name. Raises ModelLoadError if the
    folder cannot be read.
    """
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise ModelLoadError(f"{folder} cannot be read: {error.strerror}") from error
    entries = [entry for entry in entries if not entry.name.startswith(".")]
    found = {
        printable(entry.name): entry
        for entry in entries
        if (entry / CARD_FILE).is_file()
    }
    for entry in entries:
        if entry.suffix == ZIP_SUFFIX and entry.is_file():
            name = printable(entry.stem)
            found[printable(entry.name) if name in found else name] = entry
    return found


def printable(name: str) -> str:
    """Return a file's name as it can be written in a log and in JSON."""
    return name.encode("ascii", "backslashreplace").decode()


def model_name(folder: Path) -> str:
    """Return a valid name for the model in a folder, close to the folder's name."""
    name = FOREIGN_CHARACTERS.sub("-", folder.absolute().stem.lower())
    return name.strip("-")[:63] or "model"
