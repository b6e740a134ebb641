"""Splits of pictures by their content, so that copies are never on two sides."""

import hashlib
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from training.data.errors import DataError
from training.data.layout import Split

TEST_SHARE = 0.1
# Scores are calibrated by ranks, so that small sets give calibration a larger share.
CALIBRATION_SHARE = 0.1
SMALL_SET = 1000
SMALL_SET_SHARE = 0.2
VERY_SMALL_SET = 300
VERY_SMALL_SET_SHARE = 0.3

Unit = list[str]  # names of pictures that stay together


@dataclass(frozen=True, slots=True)
class Shares:
    """Shares of the pictures for calibration and test; the rest is for training."""

    calibration: float
    test: float


def calibration_share(pictures: int) -> float:
    """Return the share of this number of pictures that calibration gets."""
    if pictures < VERY_SMALL_SET:
        return VERY_SMALL_SET_SHARE
    if pictures < SMALL_SET:
        return SMALL_SET_SHARE
    return CALIBRATION_SHARE


def split_pictures(
    hashes: Mapping[str, bytes],
    groups: Mapping[str, str],
    shares: Shares,
) -> dict[str, Split]:
    """Split pictures by their SHA-256, or by that of their groups' names.

    hashes: SHA-256 of each file's bytes, by the picture's name.
    groups: Group of each picture; empty if there are none.

    Copies and groups stay together, and each split with a share gets at least one of
    these units. Depends on content and groups alone, not on names. Raises DataError
    if there are too few units.
    """
    units = ranked_units(hashes, groups)
    wanted: dict[Split, int] = {
        "test": math.ceil(shares.test * len(hashes)),
        "calibration": math.ceil(shares.calibration * len(hashes)),
        "train": len(hashes),
    }
    needed = [split for split, count in wanted.items() if count]
    check_enough(units, needed, groups)
    splits: dict[str, Split] = {}
    for index, split in enumerate(needed):
        later = len(needed) - index - 1
        count = 0
        while count < wanted[split] and len(units) > later:
            unit = units.pop()
            count += len(unit)
            splits |= dict.fromkeys(unit, split)
    return splits


def check_enough(
    units: Sequence[Unit], needed: Sequence[Split], groups: Mapping[str, str]
) -> None:
    """Raise DataError if there are fewer units than splits."""
    if len(units) >= len(needed):
        return
    what = "groups without common pictures" if groups else "different pictures"
    raise DataError(
        f"too few {what}: {len(units)}, not {len(needed)}, "
        f"one each for {', '.join(needed)}"
    )


def ranked_units(hashes: Mapping[str, bytes], groups: Mapping[str, str]) -> list[Unit]:
    """Return the pictures that stay together, ordered by hash, the lowest last."""
    keys = {name: group_hash(groups[name]) for name in groups} or hashes
    parents: dict[bytes, bytes] = {}
    for name, content in hashes.items():
        merge(parents, keys[name], content)
    units: dict[bytes, Unit] = defaultdict(list)
    for name in hashes:
        units[root(parents, keys[name])].append(name)
    return [units[key] for key in sorted(units, reverse=True)]


def merge(parents: dict[bytes, bytes], first: bytes, second: bytes) -> None:
    """Join the trees of two keys of a forest; the lower root stays a root."""
    low, high = sorted([root(parents, first), root(parents, second)])
    parents[high] = low


def root(parents: dict[bytes, bytes], key: bytes) -> bytes:
    """Return the root of a key's tree, and shorten the way to it."""
    parent = parents.setdefault(key, key)
    while parent != key:
        parents[key] = parents[parent]
        key, parent = parent, parents[parent]
    return key


def group_hash(group: str) -> bytes:
    """Return the SHA-256 of a group's name."""
    return hashlib.sha256(group.encode("utf-8", "surrogateescape")).digest()
