"""A README changes only between its marks."""

from pathlib import Path

import pytest

from training.artifact.readme import END, START, write_measures


def test_only_the_text_between_the_marks_changes(tmp_path: Path) -> None:
    """A second call replaces the text of the first."""
    readme = tmp_path / "README.md"
    readme.write_text(f"Before.\n{START}old{END}After.\n")
    write_measures(tmp_path, "first\n")
    write_measures(tmp_path, "second\n")

    assert readme.read_text() == f"Before.\n{START}\nsecond\n\n{END}After.\n"


@pytest.mark.parametrize("text", ["No marks.\n", f"{START}No end.\n"])
def test_a_readme_without_both_marks_stays(tmp_path: Path, text: str) -> None:
    """A missing or incomplete pair of marks changes nothing."""
    readme = tmp_path / "README.md"
    readme.write_text(text)
    write_measures(tmp_path, "new\n")

    assert readme.read_text() == text


def test_no_readme_is_created(tmp_path: Path) -> None:
    """A folder without a README stays empty."""
    write_measures(tmp_path, "new\n")

    assert list(tmp_path.iterdir()) == []
