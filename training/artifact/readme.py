"""The README in a model's folder: a person's text, and the measures between marks."""

from pathlib import Path

from training.files import write_file

README_FILE = "README.md"
START = "<!-- measures: written by vae-train evaluate -->\n"
END = "<!-- end of measures -->\n"
NOT_MEASURED = "None yet: `vae-train evaluate` writes them.\n"


def create_readme(folder: Path, title: str) -> None:
    """Write a README with a title and both marks, unless there is one already."""
    path = folder / README_FILE
    if not path.exists():
        write_file(path, f"# {title}\n\n{START}{END}".encode())


def write_measures(folder: Path, measures: str) -> None:
    """Replace the text between the marks in a folder's README.

    Leave a README without both marks unchanged, and create none.
    """
    path = folder / README_FILE
    if not path.exists():
        return
    before, start, rest = path.read_text().partition(START)
    _, end, after = rest.partition(END)
    if start and end:
        content = f"{before}{START}\n{measures}\n{END}{after}"
        write_file(path, content.encode())
