"""Properties of the splits of generated folders."""

from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.data.folders import Content, png, read, write_tree
from training.data.folder import FolderReading

PNGS = [png(seed, (28, 28)) for seed in range(60)]
# Class folders, splits with and without classes, MVTec, and no folders.
LAYOUTS = [
    [""],
    ["a/", "b/", "c/d/"],
    ["train/", "test/"],
    ["train/", "val/", "test/"],
    ["train/a/", "train/b/", "test/a/"],
    ["train/good/", "test/good/", "test/bad/"],
]


@st.composite
def trees(draw: st.DrawFn) -> Content:
    """Return files in one of the layouts, with copies."""
    folders = draw(st.sampled_from(LAYOUTS))
    tree = {f"{folders[0]}{n}.png": PNGS[n] for n in range(20)}
    files = st.tuples(st.sampled_from(folders), st.integers(0, len(PNGS) - 1))
    for number, (folder, seed) in enumerate(draw(st.lists(files, max_size=60))):
        tree[f"{folder}x{number}.png"] = PNGS[seed]
    for folder in folders:
        tree[f"{folder}last.png"] = PNGS[-1]
    return tree


def read_tree(tree: Content) -> FolderReading:
    """Read a folder with these files."""
    with TemporaryDirectory() as folder:
        return read(write_tree(Path(folder), tree))


@settings(max_examples=60)
@given(tree=trees())
def test_no_picture_is_lost_or_in_two_splits(tree: Content) -> None:
    """Each file is one image of exactly one split."""
    reading = read_tree(tree)

    data = reading.data
    assert reading.splits.keys() == tree.keys()
    parts = (data.train, data.calibration, data.test)
    assert sum(len(part) for part in parts) == len(tree)
    assert all(len(part.images) == len(part.labels) > 0 for part in parts)


@settings(max_examples=60)
@given(tree=trees())
def test_copies_are_on_one_side_unless_the_folder_has_them_on_two(
    tree: Content,
) -> None:
    """Pictures that the folder does not split are split with their copies."""
    reading = read_tree(tree)

    sides = defaultdict(set)
    for name, content in tree.items():
        if reading.layout.places[name].split in {None, "train"}:
            sides[content].add(reading.splits[name])
    assert all(len(splits) == 1 for splits in sides.values())


@settings(max_examples=30)
@given(tree=trees())
def test_splits_depend_on_content_alone(tree: Content) -> None:
    """Other names in the same folders give the same splits, twice."""
    renamed = {}
    for name in sorted(tree, reverse=True):
        folder, _, file = name.rpartition("/")
        renamed[f"{folder}/y{file}" if folder else f"y{file}"] = tree[name]

    first, second, other = read_tree(tree), read_tree(tree), read_tree(renamed)

    assert first.splits == second.splits
    assert first.data.sha256 == second.data.sha256
    by_content = [
        sorted((tree[name], split) for name, split in first.splits.items()),
        sorted((renamed[name], split) for name, split in other.splits.items()),
    ]
    assert by_content[0] == by_content[1]
