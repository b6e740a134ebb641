"""Files are whole or not there."""

from pathlib import Path

import pytest
import torch

from training.files import make_room, read_saved, write_file


def test_a_file_is_written_with_its_folder(tmp_path: Path) -> None:
    """And replaces the one before."""
    path = tmp_path / "new" / "file"
    write_file(path, b"one")
    write_file(path, b"two")

    assert path.read_bytes() == b"two"
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    """Neither a part of the new file nor a trace of the attempt."""
    path = tmp_path / "file"
    path.write_bytes(b"before")
    with pytest.raises(TypeError):
        write_file(path, "no bytes")  # type: ignore[arg-type]

    assert path.read_bytes() == b"before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_room_is_made_where_a_file_can_be(tmp_path: Path) -> None:
    """And nothing is left there."""
    make_room(tmp_path / "new" / "folder")
    assert list((tmp_path / "new" / "folder").iterdir()) == []

    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        make_room(tmp_path / "file" / "folder")


def test_what_was_saved_is_read(tmp_path: Path) -> None:
    """Numbers and weights; nothing that would run."""
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
