"""The layouts of folders of pictures: splits and classes by the folders' names."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from training.console import printable
from training.data.errors import DataError

Split = Literal["train", "calibration", "test"]
LayoutName = Literal["MVTec", "splits", "class folders", "flat"]
SPLITS: tuple[Split, ...] = ("train", "calibration", "test")
# Lower-case names of the folders of a split.
SPLIT_NAMES: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "validation": "calibration",
    "valid": "calibration",
    "val": "calibration",
    "test": "test",
    "testing": "test",
}
GOOD = "good"  # MVTec's class without defects
MASKS = "ground_truth"  # MVTec's folder of the defects' outlines


@dataclass(frozen=True, slots=True)
class Place:
    """Split and class of a picture by the folders that it is in.

    split: None if the layout has no splits.
    label: Name of the class, None if the layout has no classes.
    """

    split: Split | None
    label: str | None


@dataclass(frozen=True, slots=True)
class Layout:
    """A folder's layout, and each picture's place in it.

    Attributes:
        name: One of the four layouts.
        places: Place of each picture by its name; masks have none.
        normal: Name of the class without defects; None if there is no such role.
        masks: Number of masks of defects.
    """

    name: LayoutName
    places: dict[str, Place]
    normal: str | None = None
    masks: int = 0


def recognize_layout(names: Collection[str]) -> Layout:
    """Recognise the layout of pictures, given their names relative to the folder.

    The layouts are tried in this order: MVTec (train/good, test/*, ground_truth/*);
    splits (train, validation, test, with or without classes); class folders; flat. A
    folder that has nothing but one folder is the same as that one. Raises DataError
    for a mixture.
    """
    depth = common_depth(names)
    folders = {name: name.split("/")[depth:-1] for name in names}
    tops = {parts[0].lower() for parts in folders.values() if parts}
    if all(parts for parts in folders.values()) and is_split(tops):
        return split_layout(folders)
    labels = first_folders(folders)
    places = {name: Place(None, label) for name, label in labels.items()}
    has_classes = None not in labels.values()
    return Layout("class folders" if has_classes else "flat", places)


def common_depth(names: Collection[str]) -> int:
    """Return the number of folders that all names begin with, without a split's."""
    depth = 0
    remaining = {tuple(name.split("/")[:-1]) for name in names}
    while True:
        tops = {parts[depth] if len(parts) > depth else None for parts in remaining}
        only = tops.pop()
        if tops or only is None or only.lower() in SPLIT_NAMES:
            return depth
        depth += 1


def is_split(tops: set[str]) -> bool:
    """Return whether folders of these lower-case names are splits, one for training."""
    splits = {SPLIT_NAMES[name] for name in tops - {MASKS} if name in SPLIT_NAMES}
    return tops - {MASKS} <= SPLIT_NAMES.keys() and "train" in splits


def split_layout(folders: dict[str, list[str]]) -> Layout:
    """Return the layout of folders that begin with a split or with MASKS."""
    inner = {
        name: parts[1:] for name, parts in folders.items() if parts[0].lower() != MASKS
    }
    labels = first_folders(inner)
    places = {
        name: Place(SPLIT_NAMES[folders[name][0].lower()], label)
        for name, label in labels.items()
    }
    trained = {place.label for place in places.values() if place.split != "test"}
    tested = {place.label for place in places.values() if place.split == "test"}
    masks = len(folders) - len(inner)
    if tested and trained == {GOOD}:
        return Layout("MVTec", places, normal=GOOD, masks=masks)
    return Layout("splits", places, masks=masks)


def first_folders(folders: dict[str, list[str]]) -> dict[str, str | None]:
    """Return the first folder of each picture as its label; None for all without.

    Raises DataError if some pictures have one and others have not, or for a name that
    cannot be printed.
    """
    labels = {name: parts[0] if parts else None for name, parts in folders.items()}
    without = next((name for name, label in labels.items() if label is None), None)
    inside = next((name for name, label in labels.items() if label is not None), None)
    if without is not None and inside is not None:
        raise DataError(
            f"{printable(without)} is in no class folder, "
            f"but {printable(inside)} is: move one of them"
        )
    for label in set(labels.values()) - {None}:
        if printable(str(label)) != label:
            raise DataError(
                f"{printable(str(label))}: a class cannot have this name; "
                "rename the folder"
            )
    return labels
