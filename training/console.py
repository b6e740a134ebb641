"""Messages and progress on standard error, and standard streams that are closed."""

import contextlib
import os
from collections.abc import Iterable, Sequence
from typing import TypeVar

import typer
from rich.console import Console
from rich.progress import track

Item = TypeVar("Item")

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


def progress(items: Sequence[Item], description: str) -> Iterable[Item]:
    """Yield items, with a bar on a terminal until the last one."""
    console = Console(stderr=True)
    return track(
        items,
        description,
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def printable(name: str) -> str:
    """Return a file's name with escapes for what cannot be printed or encoded."""
    text = name.encode("utf-8", "backslashreplace").decode()
    return "".join(
        character if character.isprintable() else ascii(character)[1:-1]
        for character in text
    )
