"""Files are written whole or not at all, and only data is read back."""

from pathlib import Path

import pytest
import torch

from training.files import create_writable_folder, read_saved, write_file


def test_a_file_is_written_with_its_folder(tmp_path: Path) -> None:
    """Missing folders are created, and an old file is replaced."""
    path = tmp_path / "new" / "file"
    write_file(path, b"one")
    write_file(path, b"two")

    assert path.read_bytes() == b"two"
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    """No part of the new file and no temporary file remains."""
    path = tmp_path / "file"
    path.write_bytes(b"before")
    with pytest.raises(TypeError):
        write_file(path, "no bytes")  # type: ignore[arg-type]

    assert path.read_bytes() == b"before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_writable_folder_is_created(tmp_path: Path) -> None:
    """The folder is created and left empty; one that cannot be is an OSError."""
    create_writable_folder(tmp_path / "new" / "folder")
    assert list((tmp_path / "new" / "folder").iterdir()) == []

    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        create_writable_folder(tmp_path / "file" / "folder")


def test_saved_values_are_read(tmp_path: Path) -> None:
    """Numbers and tensors are read; content that would run code is not."""
    saved = {"weights": torch.arange(3.0), "epochs": 3}
    torch.save(saved, tmp_path / "saved")
    read = read_saved(tmp_path / "saved")
    assert isinstance(read, dict)
    assert torch.equal(read.pop("weights"), saved.pop("weights"))  # type: ignore[arg-type]  # it is a tensor
    assert read == saved

    torch.save(Path, tmp_path / "code")
    assert read_saved(tmp_path / "code") is None
    with pytest.raises(FileNotFoundError):
        read_saved(tmp_path / "nothing")
