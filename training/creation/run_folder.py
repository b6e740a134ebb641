"""The folder of a model's training run: its checkpoint, and the data it belongs to."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from training.data.data_set import DataSet
from training.files import write_file
from training.fitting.errors import TrainingError

CHECKPOINT_FILE = "checkpoint.pt"
DATA_FILE = "data.sha256"


def claim_run_folder(folder: Path, data: DataSet) -> Path:
    """Return the path of a run's checkpoint, in a folder that is for this data alone.

    Raises TrainingError if the folder has a run on other pictures, or on the same ones
    read in another way.
    """
    path = folder / DATA_FILE
    own = data_hash(data)
    checkpoint = folder / CHECKPOINT_FILE
    if checkpoint.exists() and read_text(path) != own:
        raise TrainingError(
            f"{folder} has a training run on other pictures, or on these with other "
            "options: remove it to start again"
        )
    write_file(path, own.encode())
    return checkpoint


def data_hash(data: DataSet) -> str:
    """Return a hash of a data set's files, format and splits."""
    parts = (data.train, data.calibration, data.test)
    described = {
        "sha256": data.sha256,
        "format": asdict(data.format),
        "counts": [len(part) for part in parts],
        "classes": data.class_names,
        "normal": data.normal,
    }
    text = json.dumps(described, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def read_text(path: Path) -> str:
    """Return a file's text, empty if there is no such file."""
    return path.read_text() if path.exists() else ""
