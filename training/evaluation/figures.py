"""Figures: creation and PNG files."""

import io
from pathlib import Path

from matplotlib.figure import Figure

from training.files import write_file

DPI = 120


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of a size in inches."""
    size = width, height
    return Figure(figsize=size, dpi=DPI, layout="constrained")


def save(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG, atomically; return the path."""
    content = io.BytesIO()
    # Without the name and version of the software, equal figures are equal files.
    figure.savefig(content, format="png", metadata={"Software": None})
    write_file(path, content.getvalue())
    return path
