"""Models by name: found in a folder, loaded, and kept until another load succeeds."""

import logging
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Literal, NamedTuple, TypeVar

from service.model.errors import ModelLoadError
from service.model.model_folder import CARD_FILE, ZIP_SUFFIX

NAME = re.compile("[a-z0-9][a-z0-9-]{0,62}")
UNLOADED = "unloaded"  # reason of a model that was unloaded on request
FOREIGN_CHARACTERS = re.compile("[^a-z0-9-]+")

log = logging.getLogger(__name__)

ModelT = TypeVar("ModelT")


class ModelChange(NamedTuple):
    """A request to load or unload one model."""

    action: Literal["load", "unload"]
    name: str


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
    """Loads the models that are found, all at once or one by one."""

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
        self._loaded: dict[str, ModelT] = {}
        self._reasons: dict[str, str] = {}
        self._unloaded: set[str] = set()  # on request

    def load_all(self) -> LoadedModels[ModelT]:
        """Look for models and load them all, except those unloaded on request.

        A model other than the default that cannot be loaded is logged and left out; if
        it was loaded before, that version stays. Raises ModelLoadError if the default
        model cannot be loaded, or is not known; the earlier models then stay.
        """
        paths = self._find()
        default_name = self._choose_default(paths)
        default = self._open_named(default_name, paths[default_name])
        earlier = self._loaded
        self._loaded = {default_name: default}
        self._reasons = {}
        self._default_name = default_name
        for name in in_order(paths.keys() - {default_name}, earlier):
            if name in self._unloaded:
                self._reasons[name] = UNLOADED
                continue
            try:
                self._add(name, paths[name])
            except ModelLoadError as error:
                log.warning("the model %s could not be loaded: %s", name, error)
                self._reasons[name] = str(error)
                if name in earlier and len(self._loaded) < self._max_models:
                    self._loaded[name] = earlier[name]
        return self._models()

    def change(self, change: ModelChange) -> LoadedModels[ModelT]:
        """Load or unload one model. Raises ModelLoadError."""
        if change.action == "load":
            return self.load(change.name)
        return self.unload(change.name)

    def load(self, name: str) -> LoadedModels[ModelT]:
        """Load one model, or a new version of it; all others stay as they are.

        Raises ModelLoadError if it is not found or cannot be loaded; nothing has then
        changed.
        """
        paths = self._find()
        if name not in paths:
            raise ModelLoadError(f"no model {name} is found")
        self._add(name, paths[name])
        self._unloaded.discard(name)
        self._reasons.pop(name, None)
        return self._models()

    def unload(self, name: str) -> LoadedModels[ModelT]:
        """Remove one model until it is loaded on request; all others stay.

        Raises ModelLoadError if it is the default model or is not loaded.
        """
        if name == self._default_name:
            raise ModelLoadError(f"{name} is the default model, which must stay")
        if name not in self._loaded:
            raise ModelLoadError(f"no model {name} is loaded")
        del self._loaded[name]
        self._unloaded.add(name)
        self._reasons[name] = UNLOADED
        return self._models()

    def _models(self) -> LoadedModels[ModelT]:
        loaded = dict(sorted(self._loaded.items()))
        reasons = dict(self._reasons)
        return LoadedModels(self._default_name, loaded, reasons)

    def _add(self, name: str, path: Path) -> None:
        """Load a model. Raises ModelLoadError, also if there are too many."""
        if name not in self._loaded and len(self._loaded) >= self._max_models:
            raise ModelLoadError(
                f"there are {self._max_models} other models, the limit (VAE_MODELS_MAX)"
            )
        self._loaded[name] = self._open_named(name, path)

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


def in_order(names: Iterable[str], earlier: Collection[str]) -> list[str]:
    """Return names in the order to load them, those loaded earlier first."""
    return sorted(names, key=lambda name: (name not in earlier, name))


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
    found = {}
    for entry in entries:
        card = entry / CARD_FILE
        if card.is_file():
            found[printable(entry.name)] = entry
    for entry in entries:
        if entry.suffix == ZIP_SUFFIX and entry.is_file():
            name = printable(entry.stem)
            if name in found:
                name = printable(entry.name)
            found[name] = entry
    return found


def printable(name: str) -> str:
    """Return a file's name as it can be written in a log and in JSON."""
    return name.encode("ascii", "backslashreplace").decode()


def model_name(folder: Path) -> str:
    """Return a valid name for the model in a folder, close to the folder's name."""
    stem = folder.absolute().stem.lower()
    name = FOREIGN_CHARACTERS.sub("-", stem)
    return name.strip("-")[:63] or "model"
