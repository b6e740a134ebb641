"""Files are whole or not there."""

from pathlib import Path

import pytest

from training.files import write_file


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
