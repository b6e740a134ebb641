"""A description of a folder that was read, and the warnings about it."""

from collections import Counter
from collections.abc import Iterator, Mapping
from statistics import median_low

from training.data.folder import FolderReading
from training.data.layout import SPLITS, Split

LISTED_CLASSES = 20
COLORS = {1: "grey", 3: "sRGB"}
BYTES_PER_MB = 1e6


def describe(reading: FolderReading) -> Iterator[str]:
    """Yield lines on the layout, the pictures of each split and class, the format."""
    layout = reading.layout
    normal = f'; "{layout.normal}" is the normal class' if layout.normal else ""
    masks = f"; {layout.masks} masks" if layout.masks else ""
    yield f"layout: {layout.name}{normal}{masks}"
    totals = Counter(reading.splits.values())
    yield f"pictures: {split_counts(totals)}"
    yield from class_lines(reading)
    yield f"images: {describe_format(reading)}"


def class_lines(reading: FolderReading) -> Iterator[str]:
    """Yield the number of pictures of each class and split."""
    places = reading.layout.places
    counts = Counter(
        (places[name].label, split) for name, split in reading.splits.items()
    )
    names = reading.data.class_names
    for label in names[:LISTED_CLASSES]:
        of_class = {split: counts[label, split] for split in SPLITS}
        yield f"  {label}: {split_counts(of_class)}"
    if len(names) > LISTED_CLASSES:
        yield f"  and {len(names) - LISTED_CLASSES} more classes"


def split_counts(counts: Mapping[Split, int]) -> str:
    """Return the number of pictures of each split as a phrase."""
    return ", ".join(f"{counts[split]} {split}" for split in SPLITS)


def describe_format(reading: FolderReading) -> str:
    """Return the images' size, colours, fit and memory, and the pictures' size."""
    facts = reading.facts.values()
    source_width = median_low(fact.width for fact in facts)
    source_height = median_low(fact.height for fact in facts)
    image_format = reading.data.format
    channels, height, width = image_format.shape
    image_bytes = channels * height * width
    megabytes = len(facts) * image_bytes / BYTES_PER_MB
    return (
        f"{width} x {height}, {COLORS[channels]}, {image_format.fit}; "
        f"{megabytes:.1f} MB decoded; "
        f"the files have {source_width} x {source_height} pixels (median)"
    )
