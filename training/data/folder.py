"""A folder of pictures as a data set."""

import hashlib
import os
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from training.console import printable, progress
from training.data.cache_folder import cache_folder
from training.data.data_set import DataSet
from training.data.errors import BrokenPicturesError, DataError
from training.data.folder_options import FolderOptions
from training.data.format_choice import choose_format
from training.data.image_cache import Images, cached_path, read_cached, write_cached
from training.data.image_format import ImageFormat
from training.data.images import LabelledImages
from training.data.layout import SPLITS, Layout, Split, recognize_layout
from training.data.masks import find_masks, read_masks
from training.data.picture import Pixels
from training.data.picture_file import (
    PICTURE_ERRORS,
    PictureFacts,
    describe_error,
    read_facts,
    read_pixels,
)
from training.data.picture_files import PictureFiles, find_pictures
from training.data.placement import find_groups, place_pictures, with_normal

MIN_TRAINING_PICTURES = 10
LIST_OF_FILES = "list of files"


@dataclass(frozen=True, slots=True)
class FolderReading:
    """A folder's data set, with what was found.

    Attributes:
        data: The data set.
        files: Files of the folder.
        layout: The folder's layout.
        facts: Of each picture of the data set, by its name.
        splits: Split of each picture of the data set, by its name.
        groups: Group of each picture, by its name; empty if there are none.
    """

    data: DataSet
    files: PictureFiles
    layout: Layout
    facts: Mapping[str, PictureFacts]
    splits: Mapping[str, Split]
    groups: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Plan:
    """Pictures to decode.

    Attributes:
        names: In the order of the splits, then of the names.
        splits: Split of each picture, by its name.
        format: Format to decode to.
    """

    names: Sequence[str]
    splits: Mapping[str, Split]
    format: ImageFormat


class FolderReader:
    """The steps from a folder of files to a data set."""

    def __init__(self, folder: Path, options: FolderOptions) -> None:
        options.background_levels()  # an error before anything is read
        self.folder = folder
        self.options = options
        self.files = find_pictures(folder)
        layout = recognize_layout(self.files.names)
        self.layout = with_normal(layout, options.normal)
        self.facts: dict[str, PictureFacts] = {}
        self.broken: dict[str, str] = {}  # the reason for each, by its name

    def read(self) -> FolderReading:
        """Read all pictures. Raises DataError."""
        self._read_facts()
        self._check_broken()
        plan = self._plan()
        images = self._images(plan)
        while images is None:  # a damaged picture changes the splits
            self._check_broken()
            plan = self._plan()
            images = self._images(plan)
        data = self._data_set(plan, images)
        groups = find_groups(self.facts, self.options.group)
        return FolderReading(
            data, self.files, self.layout, self.facts, plan.splits, groups
        )

    def _read_facts(self) -> None:
        for name in progress(list(self.layout.places), "looking at the files"):
            try:
                self.facts[name] = read_facts(self.folder / name)
            except PICTURE_ERRORS as error:
                self.broken[name] = describe_error(error)

    def _check_broken(self) -> None:
        if self.broken and not self.options.skip_broken:
            raise BrokenPicturesError(self.broken)

    def _plan(self) -> Plan:
        """Split the pictures and choose their format. Raises DataError for too few."""
        hashes = {name: fact.sha256 for name, fact in self.facts.items()}
        groups = find_groups(self.facts, self.options.group)
        splits = place_pictures(self.layout, hashes, groups)
        names = sorted(splits, key=lambda name: SPLITS.index(splits[name]))
        train = [name for name in names if splits[name] == "train"]
        different = len({hashes[name] for name in train})
        if different < MIN_TRAINING_PICTURES:
            raise DataError(
                f"{self.folder} has {different} different pictures to train on; "
                f"at least {MIN_TRAINING_PICTURES} are needed"
            )
        image_format = choose_format(self.folder, self.facts, train, self.options)
        return Plan(names, splits, image_format)

    def _images(self, plan: Plan) -> Images | None:
        """Return the images of a plan, decoded into the cache unless they are there.

        Return None if some are damaged, after these were left out of ``facts``.
        """
        hashes = [self.facts[name].sha256 for name in plan.names]
        path = cached_path(cache_folder() / "images", hashes, plan.format)
        if not path.exists():
            shape = (len(plan.names), *plan.format.shape)
            try:
                write_cached(path, shape, self._decode(plan))
            except BrokenPicturesError as error:
                self.broken |= error.pictures
                for name in error.pictures:
                    del self.facts[name]
                return None
        return read_cached(path)

    def _decode(self, plan: Plan) -> Iterator[Pixels]:
        """Yield each picture; at the end, raise BrokenPicturesError for damaged ones."""
        broken = {}
        for name in progress(plan.names, "decoding the pictures"):
            try:
                pixels = read_pixels(self.folder / name, plan.format)
            except PICTURE_ERRORS as error:
                broken[name] = describe_error(error)
            else:
                yield pixels
        if broken:
            raise BrokenPicturesError(broken)

    def _data_set(self, plan: Plan, images: Images) -> DataSet:
        labels = {name: self.layout.places[name].label for name in plan.names}
        trained = {labels[name] for name in plan.names if plan.splits[name] == "train"}
        class_names = order_classes(set(labels.values()), trained)
        parts = split_images(plan, images, labels, class_names)
        check_differences(parts["train"], self.folder)
        name = self.folder.resolve().name
        return DataSet(
            name=name,
            title=self.options.title or name,
            source=f"folder {name}",
            format=plan.format,
            class_names=class_names,
            train=parts["train"],
            calibration=parts["calibration"],
            test=parts["test"],
            normal=self.layout.normal,
            licence=self.options.licence,
            sha256={LIST_OF_FILES: list_hash(self.facts)},
            skipped=tuple(printable(name) for name in self.broken),
            group=self.options.group,
            masks=self._masks(plan),
        )

    def _masks(self, plan: Plan) -> dict[int, Tensor]:
        """Return the masks of test pictures by position. Raises BrokenPicturesError."""
        names = [name for name in plan.names if plan.splits[name] == "test"]
        masks = find_masks(self.files.names, self.layout)
        read, broken = read_masks(self.folder, names, masks, plan.format)
        if broken and not self.options.skip_broken:
            raise BrokenPicturesError(broken)
        return read


def read_folder(folder: Path, options: FolderOptions) -> FolderReading:
    """Read the pictures of a folder, and keep them decoded in the cache folder.

    Raises DataError, naming the folder or the file, for a folder that cannot be used.
    """
    return FolderReader(folder, options).read()


def order_classes(
    labels: Collection[str | None], trained: Collection[str | None]
) -> tuple[str, ...]:
    """Return the names of classes, sorted, first those with training pictures."""
    names = [label for label in labels if label is not None]
    names.sort(key=lambda name: (name not in trained, name))
    return tuple(names)


def split_images(
    plan: Plan,
    images: Images,
    labels: Mapping[str, str | None],
    class_names: Sequence[str],
) -> dict[Split, LabelledImages]:
    """Return the images of each split, in the plan's order."""
    indices = {name: index for index, name in enumerate(class_names)}
    numbers = [indices.get(labels[name] or "", 0) for name in plan.names]
    all_labels = torch.tensor(numbers)
    all_images = torch.from_numpy(images)
    counts = Counter(plan.splits.values())
    sizes = [counts[split] for split in SPLITS]
    return {
        split: LabelledImages(images=split_images, labels=split_labels)
        for split, split_images, split_labels in zip(
            SPLITS, all_images.split(sizes), all_labels.split(sizes), strict=True
        )
    }


def check_differences(train: LabelledImages, folder: Path) -> None:
    """Raise DataError if all images are alike: there is nothing to learn."""
    images = train.images
    if all(torch.equal(image, images[0]) for image in images):
        _, height, width = train.image_shape
        raise DataError(
            f"{folder}: all pictures to train on are the same at {width} x {height}"
        )


def list_hash(facts: Mapping[str, PictureFacts]) -> str:
    """Return the SHA-256 of the list that ``sha256sum`` would print of the files."""
    digest = hashlib.sha256()
    for name in sorted(facts, key=os.fsencode):
        line = f"{facts[name].sha256.hex()}  {name}\n"
        digest.update(os.fsencode(line))
    return digest.hexdigest()
