"""Layouts recognised by the names of folders."""

import pytest

from training.data.errors import DataError
from training.data.layout import Layout, Place, recognize_layout

MVTEC = {
    "train/good/0.png": Place("train", "good"),
    "test/good/0.png": Place("test", "good"),
    "test/crack/0.png": Place("test", "crack"),
}
SPLITS = {
    "train/cat/0.png": Place("train", "cat"),
    "validation/dog/1.png": Place("calibration", "dog"),
    "test/dog/deep/1.png": Place("test", "dog"),
}
UNLABELLED_SPLITS = {
    "Train/0.png": Place("train", None),
    "val/1.png": Place("calibration", None),
    "TEST/2.png": Place("test", None),
}
CLASSES = {
    "cat/0.png": Place(None, "cat"),
    "dog/1.png": Place(None, "dog"),
}
FLAT = {
    "0.png": Place(None, None),
    "1.png": Place(None, None),
}


@pytest.mark.parametrize(
    ("name", "places"),
    [
        ("MVTec", MVTEC),
        ("splits", SPLITS),
        ("splits", UNLABELLED_SPLITS),
        ("class folders", CLASSES),
        ("flat", FLAT),
    ],
)
def test_each_layout_is_recognised(name: str, places: dict[str, Place]) -> None:
    """Split and class come from the folders' names, in any case of letters."""
    layout = recognize_layout(places)

    assert (layout.name, layout.places) == (name, places)


@pytest.mark.parametrize("places", [MVTEC, SPLITS, CLASSES, FLAT])
def test_folders_around_everything_do_not_matter(places: dict[str, Place]) -> None:
    """An archive's own folder is not a class."""
    names = [f"archive/pictures/{name}" for name in places]

    layout = recognize_layout(names)

    assert list(layout.places.values()) == list(places.values())


def test_the_good_class_of_mvtec_is_normal_and_its_masks_are_left_out() -> None:
    """Outlines of defects are no pictures to train on or to test with."""
    mask = "ground_truth/crack/0_mask.png"

    layout = recognize_layout([*MVTEC, mask])

    assert layout == Layout("MVTec", MVTEC, normal="good", masks=1)


def test_training_pictures_without_tests_are_a_split_still() -> None:
    """A folder train alone is no class."""
    layout = recognize_layout(["train/0.png", "train/1.png"])

    assert set(layout.places.values()) == {Place("train", None)}


def test_a_class_may_have_the_name_of_a_split() -> None:
    """Trains are vehicles, if there are other vehicles."""
    layout = recognize_layout(["train/0.png", "bus/0.png"])

    assert layout.name == "class folders"


@pytest.mark.parametrize(
    "names",
    [
        ["0.png", "cat/1.png"],
        ["train/0.png", "train/cat/1.png"],
        ["train/0.png", "test/cat/1.png"],
    ],
)
def test_pictures_with_and_without_class_are_an_error(names: list[str]) -> None:
    """The message names one of each."""
    with pytest.raises(DataError, match=r"0\.png is in no class folder, but .*1\.png"):
        recognize_layout(names)


@pytest.mark.parametrize("label", ["line\nbreak", "b\udcff"])
def test_a_class_needs_a_printable_name(label: str) -> None:
    """Names that are no text end the reading with an escaped name."""
    with pytest.raises(DataError, match=r"\\(n|udcff).*rename the folder"):
        recognize_layout([f"{label}/0.png", "other/0.png"])
