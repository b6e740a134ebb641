"""Warnings about folders."""

from pathlib import Path

from tests.training.data.folders import pngs, read, write_tree
from training.data.folder_warnings import folder_warnings

GROUP = r"lot\d"


def group_warnings(root: Path) -> list[str]:
    """Return the warnings about groups."""
    reading = read(root, group=GROUP)
    return [warning for warning in folder_warnings(reading) if "groups are" in warning]


def test_a_group_that_the_given_splits_divide_is_named(tmp_path: Path) -> None:
    """The folder's splits stay, so that only its owner can mend them."""
    tree = {
        **pngs("train/lot1", 20),
        **pngs("train/lot2", 20, 100),
        **pngs("test/lot2", 5, 200),
        **pngs("test/lot3", 5, 300),
    }

    (warning,) = group_warnings(write_tree(tmp_path, tree))

    assert warning.startswith("1 groups are in training and also in")
    assert warning.endswith(": lot2")


def test_defects_of_a_group_do_not_divide_it(tmp_path: Path) -> None:
    """They are for testing, wherever the good pictures of their group are."""
    tree = {
        **pngs("good/lot1", 40),
        **pngs("good/lot2", 40, 100),
        **pngs("good/lot3", 40, 200),
        **pngs("crack/lot1", 5, 300),
    }

    root = write_tree(tmp_path, tree)
    reading = read(root, group=GROUP, normal="good")

    assert not any("groups are" in warning for warning in folder_warnings(reading))
