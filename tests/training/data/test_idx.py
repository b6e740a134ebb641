"""Damaged IDX files are rejected, and the message names the file."""

import struct
from pathlib import Path

import pytest

from training.data.errors import DataError
from training.data.idx import parse_idx


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "truncated"),
        (b"\x00\x00\x0d\x01" + bytes(4), "not an IDX file"),
        (b"\x00\x00\x08\x03" + bytes(3), "truncated"),
        (b"\x00\x00\x08\x01" + struct.pack(">I", 5) + bytes(4), "truncated"),
        (b"\x00\x00\x08\x03" + struct.pack(">III", 2**31, 2**31, 2**31), "truncated"),
    ],
)
def test_a_damaged_idx_file_is_rejected(content: bytes, message: str) -> None:
    """A header that does not fit the content is an error."""
    with pytest.raises(DataError, match=message):
        parse_idx(content, Path("digits"))
