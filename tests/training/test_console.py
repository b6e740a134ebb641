"""Messages and files survive closed standard streams."""

import os

from training.console import open_standard_streams


def test_a_new_file_does_not_become_standard_error() -> None:
    """C libraries' messages would otherwise be written into that file."""
    saved = os.dup(2)
    os.close(2)
    try:
        open_standard_streams()
        descriptor = os.open(os.devnull, os.O_RDONLY)
        os.close(descriptor)
    finally:
        os.dup2(saved, 2)
        os.close(saved)

    assert descriptor > 2
