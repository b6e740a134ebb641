"""Messages on standard error, and standard streams that are closed."""

import contextlib
import os

import typer

STANDARD_STREAMS = (0, 1, 2)


def open_standard_streams() -> None:
    """Open closed standard streams on the null device.

    Otherwise the next file to be opened takes the descriptor of standard error, and what
    C libraries print is written into it.
    """
    for descriptor in STANDARD_STREAMS:
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def warn(message: str) -> None:
    """Print a warning."""
    print_message(f"warning: {message}")


def print_error(error: Exception) -> None:
    """Print an error."""
    print_message(f"error: {error}")


def print_message(message: str) -> None:
    """Print a line to standard error, if it can be written to."""
    with contextlib.suppress(OSError):
        typer.echo(message, err=True)
