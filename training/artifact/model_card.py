"""The model card, model.json: read, checked and written, with the files it names."""

import hashlib
import json
from pathlib import Path
from typing import Any

from training.files import write_file

Card = dict[str, Any]
Entry = dict[str, str]  # of a file: its name and its SHA-256

FORMAT_VERSION = 2
CARD_FILE = "model.json"
# The keys that this package reads.
REQUIRED_KEYS = (
    "latent_size",
    "objective",
    "training",
    "data",
    "quality",
    "cost",
    "graphs",
)


class ModelError(Exception):
    """A model cannot be exported, or its folder is incomplete; the message says why."""


def read_card(folder: Path) -> Card:
    """Return the model card in a folder.

    Raise ModelError, naming the file, if it is missing, not JSON, of another format
    version, or lacks a required key.
    """
    path = folder / CARD_FILE
    try:
        card: Card = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} is not a readable model card: {error}") from error
    version = card.get("format_version") if isinstance(card, dict) else None
    if version != FORMAT_VERSION:
        raise ModelError(f"{path} has format version {version}, not {FORMAT_VERSION}")
    missing = [key for key in REQUIRED_KEYS if key not in card]
    if missing:
        raise ModelError(f"{path} lacks {', '.join(missing)}")
    return card


def read_measured_card(folder: Path) -> Card:
    """Return the card of an evaluated model.

    Raise ModelError, naming the folder, if the model was not evaluated.
    """
    card = read_card(folder)
    if card["quality"] is None:
        raise ModelError(f"{folder} has no measures: evaluate it first")
    return card


def write_card(folder: Path, card: Card) -> None:
    """Write the model card, atomically."""
    content = json.dumps(card, indent=2).encode() + b"\n"
    write_file(folder / CARD_FILE, content)


def file_entry(name: str, content: bytes) -> Entry:
    """Return a file's entry in the card."""
    return {"file": name, "sha256": sha256(content)}


def read_file(folder: Path, entry: Entry) -> bytes:
    """Return the content of the file that an entry of the card names.

    Raise ModelError, naming the file, if it cannot be read or its hash differs.
    """
    path = folder / entry["file"]
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error}") from error
    if sha256(content) != entry["sha256"]:
        raise ModelError(
            f"{path} is not the file that the card names: its SHA-256 differs"
        )
    return content


def sha256(content: bytes) -> str:
    """Return the SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()
