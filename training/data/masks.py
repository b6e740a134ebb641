"""Masks of defects: pictures that are white where a defect is, as MVTec has them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import torch
from torch import Tensor

from training.data.image_format import ImageFormat
from training.data.layout import MASKS, Layout
from training.data.picture_file import PICTURE_ERRORS, describe_error, read_pixels

MASK_SUFFIX = "_mask"
HALF = 127  # a higher level is of the defect


def find_masks(names: Iterable[str], layout: Layout) -> dict[str, str]:
    """Return the name of each picture's mask, for pictures that have one.

    The mask of ``test/scratch/000.png`` is ``ground_truth/scratch/000_mask.png``, or
    the same without ``_mask``.
    """
    masks = {}
    for name in names:
        *above, last = PurePosixPath(name).parent.parts or ("",)
        if MASKS in (part.lower() for part in above):
            stem = PurePosixPath(name).stem.removesuffix(MASK_SUFFIX)
            masks[last, stem] = name
    found = {}
    for name, place in layout.places.items():
        key = place.label or "", PurePosixPath(name).stem
        if place.split == "test" and key in masks:
            found[name] = masks[key]
    return found


def read_masks(
    folder: Path,
    names: Sequence[str],
    masks: Mapping[str, str],
    image_format: ImageFormat,
) -> tuple[dict[int, Tensor], dict[str, str]]:
    """Return the masks, bool (height, width), by their pictures' positions in names.

    They are fitted as the pictures are. Also return the reason for each mask that
    cannot be read, by its name.
    """
    grey = replace(image_format, channels=1, background=(0,))
    broken: dict[str, str] = {}
    read: dict[int, Tensor] = {}
    for position, name in enumerate(names):
        if name not in masks:
            continue
        try:
            (levels,) = read_pixels(folder / masks[name], grey)
        except PICTURE_ERRORS as error:
            broken[masks[name]] = describe_error(error)
        else:
            read[position] = torch.from_numpy(levels > HALF)
    return read, broken
