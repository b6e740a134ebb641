"""The files of a model's folder or archive, verified against its model card."""

import hashlib
import zipfile
import zlib
from codecs import BOM_UTF8
from pathlib import Path

from pydantic import ValidationError

from service.model.calibration import Calibration
from service.model.card import CardFile, ModelCard
from service.model.errors import ModelLoadError
from service.model.statistics import LatentStatistics

CARD_FILE = "model.json"
ZIP_SUFFIX = ".zip"
# Of a damaged or encrypted archive, and of one compressed in an unknown way.
ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError)

# A folder, or a folder in a zip archive, or a file in either.
ModelFiles = Path | zipfile.Path


def open_files(path: Path) -> ModelFiles:
    """Return the folder of a model's files: ``path`` itself, or within a zip archive.

    In an archive the files are at the top or in its one folder that has a card. Raises
    ModelLoadError if the archive cannot be read.
    """
    if path.suffix != ZIP_SUFFIX or path.is_dir():
        return path
    try:
        top = zipfile.Path(path)
        folders = [top, *top.iterdir()]
    except OSError as error:
        raise ModelLoadError(f"{path} cannot be read: {error.strerror}") from error
    except ZIP_ERRORS as error:
        raise ModelLoadError(f"{path} cannot be read: {error}") from error
    with_card = [folder for folder in folders if (folder / CARD_FILE).is_file()]
    return with_card[0] if len(with_card) == 1 else top


def read_card(folder: ModelFiles) -> ModelCard:
    """Read and validate the model card; a byte order mark before it is ignored.

    Raises ModelLoadError, naming the file and the first invalid field.
    """
    path = folder / CARD_FILE
    content = read_bytes(path)
    try:
        return ModelCard.model_validate_json(content.removeprefix(BOM_UTF8))
    except ValidationError as error:
        reason = first_reason(error)
        raise ModelLoadError(
            f"{path} is not a model card of format version 2: {reason}"
        ) from error


def first_reason(error: ValidationError) -> str:
    """Return the first of a validation's errors as ``field.subfield: message``."""
    first = error.errors()[0]
    message = first["msg"]
    field = ".".join(map(str, first["loc"]))
    if not field:  # the file is not JSON
        return message
    return f"{field}: {message}"


def read_verified(folder: ModelFiles, file: CardFile) -> bytes:
    """Return the content of a file that the card names.

    Raises ModelLoadError, naming the file, if it is missing or its SHA-256 is not the
    card's.
    """
    path = folder / file.file
    content = read_bytes(path)
    digest = hashlib.sha256(content).hexdigest()
    if digest != file.sha256:
        raise ModelLoadError(
            f"{path} is not the file that its card names: the SHA-256 differs"
        )
    return content


def read_statistics(folder: ModelFiles, card: ModelCard) -> LatentStatistics:
    """Return the latent statistics that the card names; empty ones if it names none.

    Raises ModelLoadError, naming the file. A card without labels has the statistics of
    all its images as class 0.
    """
    file = card.statistics
    if file is None:
        return LatentStatistics.unknown(card.latent_size)
    content = read_verified(folder, file)
    try:
        statistics = LatentStatistics.read(content, card.latent_size)
        check_classes(statistics, card)
    except ModelLoadError as error:
        path = folder / file.file
        raise ModelLoadError(f"{path}: {error}") from error
    return statistics


def read_calibration(
    folder: ModelFiles, card: ModelCard, statistics: LatentStatistics
) -> Calibration | None:
    """Return the calibration of inspections, or None if the model cannot inspect.

    Raises ModelLoadError, naming the file of the statistics.
    """
    file = card.statistics
    if file is None:
        return None
    try:
        return Calibration.of(card, statistics)
    except ModelLoadError as error:
        path = folder / file.file
        raise ModelLoadError(f"{path}: {error}") from error


def check_classes(statistics: LatentStatistics, card: ModelCard) -> None:
    """Raise ModelLoadError at a class that the card has no label for."""
    count = max(1, len(card.labels))
    for number in statistics.class_numbers:
        if not 0 <= number < count:
            raise ModelLoadError(
                f"classes has {number}, but the card has {len(card.labels)} labels"
            )


def read_bytes(path: ModelFiles) -> bytes:
    """Read a file. Raises ModelLoadError, naming it."""
    try:
        return path.read_bytes()
    except OSError as error:
        # An archive's error has no text.
        reason = error.strerror or "No such file in the archive"
        raise ModelLoadError(f"{path} cannot be read: {reason}") from error
    except ZIP_ERRORS as error:
        raise ModelLoadError(f"{path} cannot be read: {error}") from error
