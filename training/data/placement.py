"""The split of each picture of a folder: the layout's, or by the picture's content."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from training.console import printable
from training.data.errors import DataError
from training.data.layout import Layout, Split
from training.data.splits import TEST_SHARE, Shares, calibration_share, split_pictures


def place_pictures(
    layout: Layout,
    hashes: Mapping[str, bytes],
    groups: Mapping[str, str],
) -> dict[str, Split]:
    """Return the split of each picture in ``hashes``, SHA-256 by the picture's name.

    A layout's own splits stay; calibration and test are taken from training if they
    are missing. If a class is normal, all other pictures, and copies of them, are for
    testing. Raises DataError if there are too few pictures.
    """
    labels = {name: layout.places[name].label for name in hashes}
    defects = {
        hashes[name]
        for name, label in labels.items()
        if layout.normal not in {None, label}
    }
    splits: dict[str, Split] = {}
    good: dict[str, Split] = {}
    for name, sha256 in hashes.items():
        if sha256 in defects:
            splits[name] = "test"
        else:
            good[name] = layout.places[name].split or "train"
    pool = {name: hashes[name] for name, split in good.items() if split == "train"}
    shares = missing_shares(good.values(), len(pool))
    pool_groups = {name: groups[name] for name in pool} if groups else {}
    return splits | good | split_pictures(pool, pool_groups, shares)


def missing_shares(given: Iterable[Split], pool: int) -> Shares:
    """Return the shares of a pool of pictures for the splits that are not given."""
    present = set(given)
    calibration = 0.0 if "calibration" in present else calibration_share(pool)
    test = 0.0 if "test" in present else TEST_SHARE
    return Shares(calibration, test)


def with_normal(layout: Layout, normal: str | None) -> Layout:
    """Return a layout with the named class as the one without defects.

    Raises DataError if there is no such class.
    """
    if normal is None:
        return layout
    labels = {place.label for place in layout.places.values()} - {None}
    if normal not in labels:
        names = ", ".join(sorted(map(str, labels))) or "none"
        raise DataError(f"--normal {normal} is not one of the classes: {names}")
    return replace(layout, normal=normal)


def find_groups(names: Iterable[str], pattern: str | None) -> dict[str, str]:
    """Return the group of each picture: the part of its name that matches a pattern.

    That is the pattern's first group in parentheses, or the whole match. Without a
    pattern there are no groups. Raises DataError for a bad pattern, or for a name that
    does not match.
    """
    if pattern is None:
        return {}
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise DataError(f"--group {pattern!r}: {error}") from error
    groups = {}
    for name in names:
        match = expression.search(name)
        if match is None:
            raise DataError(f"--group {pattern!r} does not match {printable(name)}")
        groups[name] = match[1] if expression.groups else match[0]
    return groups
