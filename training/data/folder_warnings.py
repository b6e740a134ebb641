"""Warnings about a folder that can be used, but may not be what the user means."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from training.console import printable
from training.data.folder import FolderReading

FEW_PICTURES = 100  # to train on
MANY_PICTURES = 200_000
NAMED_FILES = 3


def folder_warnings(reading: FolderReading) -> Iterator[str]:
    """Yield the warnings about a folder."""
    yield from left_out(reading)
    yield from copies(reading)
    yield from groups(reading)
    yield from numbers(reading)
    yield from classes(reading)


def left_out(reading: FolderReading) -> Iterator[str]:
    """Yield warnings about files that are not used."""
    files = reading.files
    if files.others:
        yield f"{len(files.others)} files are no pictures: {name_some(files.others)}"
    if files.links:
        yield (
            f"{len(files.links)} symbolic links are not followed, because they lead "
            f"out of the folder, to a folder or nowhere: {name_some(files.links)}"
        )
    skipped = reading.data.skipped
    if skipped:
        yield f"{len(skipped)} pictures cannot be read: {name_some(skipped)}"


def copies(reading: FolderReading) -> Iterator[str]:
    """Yield warnings about files with the same content."""
    by_hash: dict[bytes, list[str]] = defaultdict(list)
    for name, fact in reading.facts.items():
        by_hash[fact.sha256].append(name)
    several = [names for names in by_hash.values() if len(names) > 1]
    if several:
        count = sum(len(names) - 1 for names in several)
        example = " = ".join(printable(name) for name in several[0][:2])
        yield f"{count} pictures are copies of others: {example}"
    leaks = [names for names in several if is_leak(names, reading)]
    if leaks:
        yield (
            f"{len(leaks)} pictures are in training and also in calibration or test, "
            f"as the folder has them: {name_some(leaks[0])}"
        )
    places = reading.layout.places
    torn = [
        names for names in several if len({places[name].label for name in names}) > 1
    ]
    if torn:
        yield f"{len(torn)} pictures are in several classes: {name_some(torn[0])}"


def groups(reading: FolderReading) -> Iterator[str]:
    """Yield a warning about groups that the folder's own splits divide.

    Pictures with defects, which are all for testing, do not count.
    """
    normal = reading.layout.normal
    members: dict[str, list[str]] = defaultdict(list)
    for name, group in reading.groups.items():
        if normal in {None, reading.layout.places[name].label}:
            members[group].append(name)
    divided = [group for group, names in members.items() if is_leak(names, reading)]
    if divided:
        yield (
            f"{len(divided)} groups are in training and also in calibration or test, "
            f"as the folder has them: {name_some(divided)}"
        )


def is_leak(names: Sequence[str], reading: FolderReading) -> bool:
    """Return whether pictures are both in training and in another split."""
    splits = {reading.splits[name] for name in names}
    return "train" in splits and len(splits) > 1


def numbers(reading: FolderReading) -> Iterator[str]:
    """Yield warnings about the number of pictures and their size."""
    count = len(reading.data.train)
    if count < FEW_PICTURES:
        yield f"{count} pictures to train on are few: expect blurred images"
    total = len(reading.facts)
    if total > MANY_PICTURES:
        yield f"{total} pictures are many: each pass over them takes long"
    size = reading.data.format.width
    small = sum(
        fact.width < size and fact.height < size for fact in reading.facts.values()
    )
    if small:
        yield f"{small} pictures are smaller than {size} x {size} and are enlarged"


def classes(reading: FolderReading) -> Iterator[str]:
    """Yield a warning about classes without pictures to train on."""
    data = reading.data
    if data.normal is not None:
        return
    trained = set(data.train.labels.tolist())
    untrained = [
        name for index, name in enumerate(data.class_names) if index not in trained
    ]
    if untrained:
        yield f"{len(untrained)} classes have no pictures to train on: {name_some(untrained)}"


def name_some(names: Sequence[str]) -> str:
    """Return the first few names, and the number of others."""
    named = ", ".join(printable(name) for name in names[:NAMED_FILES])
    more = len(names) - NAMED_FILES
    return f"{named} and {more} more" if more > 0 else named
